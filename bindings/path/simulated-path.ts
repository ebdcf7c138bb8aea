// A device that takes its time by the mapper's clock: the evented loop without a socket. On virtual time
// (`new DeviceMapper({ time: new VirtualTime() })`) a whole run is a matter of arithmetic and comes out the same each time.
//
//   sim:NAME?size=64M&service=200us+2us/KiB&servers=1&seed=7&data=0
//     service   as of `delay=`; without it a call takes no time, but is answered from the clock all the same
//     servers   calls that it works on at once, default 1; the others wait in the order of issue
//     seed      with it a call takes between half and one and a half of that time, by chance; without it, exactly
//     data=0    nothing is kept: reads give zeros. Otherwise paths of the same NAME share one memory
//
// A call begins when a server is free: at its issue, or when the call before it ended (not when our timer noticed that,
// so lateness does not add up). When it ends, its status is asked for, its bytes are moved, and it is answered. So a read
// sees what was written by calls that ended before it. What ends at the same time ends in the order of issue.
//
// Nothing is allocated for a call once there have been as many at a time: records are used again.

import { STATUS_OK } from '../../assembly/abi.ts';
import type { Time } from '../time/time.ts';
import type { Backend } from './backend/backend.ts';
import type { DelayRule } from './fault/delay-rule.ts';
import type { SeededRandom } from './fault/random.ts';
import { CLOSE_GRACE_MS, IdleWait, KnownPath, type PathFacts } from './known-path.ts';
import { hasPayload, OPERATION_MASK, pairsOf } from './operation.ts';
import type { Path, PathSink } from './path.ts';
import type { SharedMemory } from './shared-memory.ts';

export interface SimulatedDevice {
  /** How long a call takes, nanoseconds from 0 on. Called when it begins. `operation` is `OPERATION_*`. */
  serviceNs(operation: number, sectors: number, position: number): number;
  /** Calls that it works on at once. Default 1. */
  readonly servers?: number;
  /** How a call ends: a `STATUS_*`. Called when it ends; what fails has moved nothing. Missing: all is well. */
  status?(operation: number, sectors: number, position: number): number;
  /** Moves the bytes, between the arena and what it keeps. Missing: nothing is moved, not even zeros. */
  readonly medium?: { readonly backend: Backend; readonly arenaMemory: () => SharedMemory };
  /** Called once, when the path is closed. */
  release?(): void;
}

/** The device of a `service=` rule. With `random` its times vary by half. */
export function serviceOfRule(rule: DelayRule, random: SeededRandom | undefined): SimulatedDevice['serviceNs'] {
  return (operation, sectors) => {
    const travelling = hasPayload(operation) ? sectors * 512 : 0;
    const meanNs = (rule.fixedMs + travelling * rule.byteMs) * 1e6;
    return Math.round(random === undefined ? meanNs : meanNs * (0.5 + random.unit()));
  };
}

class Call {
  id = 0;
  operation = 0;
  position = 0;
  bytes = 0;
  address = 0;
  segments = 0;
  table: Uint32Array = new Uint32Array(0);
  endNs = 0;
  /** The next one in its list. */
  next: Call | undefined;
}

export class SimulatedPath extends KnownPath implements Path {
  readonly loop = 'evented';
  inFlight = 0;
  /** Made so far: as many as there were calls at a time. */
  records = 0;
  readonly #sink: PathSink;
  readonly #time: Time;
  readonly #device: SimulatedDevice;
  readonly #servers: number;
  #busy = 0;
  /** Being served, by end. */
  #running: Call | undefined;
  /** Not begun, oldest first. */
  #waiting: Call | undefined;
  #lastWaiting: Call | undefined;
  #free: Call | undefined;
  #arena: Uint8Array | undefined;
  #cancelTimer: (() => void) | undefined;
  #timerAtNs = Number.POSITIVE_INFINITY;
  readonly #idle = new IdleWait();
  #closing: Promise<void> | undefined;

  constructor(facts: PathFacts, sink: PathSink, time: Time, device: SimulatedDevice) {
    super(facts);
    this.#sink = sink;
    this.#time = time;
    this.#device = device;
    this.#servers = device.servers ?? 1;
  }

  issue(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void {
    const call = this.#free ?? this.#makeCall();
    this.#free = call.next;
    call.next = undefined;
    call.id = id;
    call.operation = operation;
    call.position = position;
    call.bytes = bytes;
    call.address = address;
    call.segments = segments;
    // The table is valid during this call only.
    const pairs = pairsOf(operation, segments);
    if (call.table.length < 2 * pairs) call.table = new Uint32Array(2 * pairs);
    for (let i = 0; i < 2 * pairs; i++) call.table[i] = segmentTable[2 * segmentIndex + i];
    this.inFlight++;
    if (this.#busy < this.#servers) {
      this.#begin(call, this.#time.now());
    } else if (this.#lastWaiting === undefined) {
      this.#waiting = call;
      this.#lastWaiting = call;
    } else {
      this.#lastWaiting.next = call;
      this.#lastWaiting = call;
    }
  }

  #makeCall(): Call {
    this.records++;
    return new Call();
  }

  #begin(call: Call, atNs: number): void {
    this.#busy++;
    const service = this.#device.serviceNs(call.operation & OPERATION_MASK, call.bytes / 512, call.position);
    call.endNs = atNs + Math.max(0, service);
    // Few run at a time, and most end last.
    let before: Call | undefined;
    let behind = this.#running;
    while (behind !== undefined && behind.endNs <= call.endNs) {
      before = behind;
      behind = behind.next;
    }
    call.next = behind;
    if (before === undefined) this.#running = call;
    else before.next = call;
  }

  kick(): void {
    const first = this.#running;
    if (first === undefined || first.endNs >= this.#timerAtNs) return;
    this.#cancelTimer?.();
    this.#timerAtNs = first.endNs;
    this.#cancelTimer = this.#time.at(first.endNs, this.#onTimer, { isPrecise: true });
  }

  readonly #onTimer = (): void => {
    this.#timerAtNs = Number.POSITIVE_INFINITY;
    this.#cancelTimer = undefined;
    const now = this.#time.now();
    let hasAnswered = false;
    for (let call = this.#running; call !== undefined && call.endNs <= now; call = this.#running) {
      this.#running = call.next;
      this.#end(call);
      hasAnswered = true;
    }
    this.kick();
    if (hasAnswered) this.#sink.wake();
    if (this.inFlight === 0) this.#idle.note();
  };

  #end(call: Call): void {
    const { id, operation, position, bytes, endNs } = call;
    const { status: statusOf, medium } = this.#device;
    let goodBytes = bytes;
    let status = statusOf?.call(this.#device, operation & OPERATION_MASK, bytes / 512, position) ?? STATUS_OK;
    if (status !== STATUS_OK) {
      goodBytes = 0;
    } else if (medium !== undefined) {
      this.#arena ??= new Uint8Array(medium.arenaMemory().buffer);
      const { backend } = medium;
      status = backend.perform(this.#arena, operation, position, bytes, call.address, call.segments, call.table, 0);
      if (status !== STATUS_OK) goodBytes = backend.goodBytes;
    }
    call.next = this.#free;
    this.#free = call;
    this.#busy--;
    this.inFlight--;
    const next = this.#waiting;
    if (next !== undefined) {
      this.#waiting = next.next;
      if (this.#waiting === undefined) this.#lastWaiting = undefined;
      this.#begin(next, endNs);
    }
    this.#sink.answer(id, status, goodBytes >>> 9);
  }

  close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    await this.#idle.wait(this.inFlight === 0, graceMs);
    this.#cancelTimer?.();
    // A virtual clock that nobody moves on never comes there: what is left ends now, in its order.
    const isLate = this.inFlight > 0;
    for (let call = this.#running; call !== undefined; call = this.#running) {
      this.#running = call.next;
      this.#end(call);
    }
    if (isLate) this.#sink.wake();
    this.#device.release?.();
  }
}
