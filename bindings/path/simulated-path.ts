// A device that takes its time by the mapper's clock: the evented loop without a socket. On virtual time
// (`new DeviceMapper({ time: new VirtualTime() })`) a whole run is a matter of arithmetic and comes out the same each time.
//
//   sim:NAME?size=64M&service=200us+2us/KiB&servers=1&seed=7&data=0
//     service   as of `delay=`; without it a call takes no time, but is answered from the clock all the same
//     servers   calls that it works on at once, default 1; the others wait in the order of issue
//     seed      with it a call takes between half and one and a half of that time, by chance; without it, exactly
//     data=0    nothing is kept: reads give zeros. Otherwise paths of the same NAME share one memory
//   sim:NAME?size=64G&model=nvme-970pro&link=fc-16g&controller=0&seed=7
//     model     a disk or an SSD with a link in front of it (model/); paths of the same NAME lead to the same one
//
// The end of a call is booked when the call is issued: calls are served in the order of issue, so what is booked already
// says when the next one can begin. (A device that chooses among its calls books Infinity, and tells the path the end when it
// has chosen: `endsAt`.) When it ends, its status is asked for, its bytes are moved, and it is answered. So a
// read sees what was written by calls that ended before it. What ends at the same time ends in the order of issue.
//
// Calls are slots of typed arrays, in the order of their ends: nothing is allocated for one once there have been as many at
// a time, and the clock has one alarm for all of them.

import { STATUS_OK } from '../../assembly/abi.ts';
import type { Time, Timer } from '../time/time.ts';
import type { Backend } from './backend/backend.ts';
import type { DelayRule } from './fault/delay-rule.ts';
import type { SeededRandom } from './fault/random.ts';
import { CLOSE_GRACE_MS, IdleWait, KnownPath, type PathFacts } from './known-path.ts';
import { hasPayload, OPERATION_MASK, pairsOf } from './operation.ts';
import type { Path, PathSink } from './path.ts';
import type { SharedMemory } from './shared-memory.ts';

/** A call that has ended: `OPERATION_*` without flags, bytes, `STATUS_*`. */
export interface EndedCall {
  readonly operation: number;
  readonly bytes: number;
  readonly position: number;
  readonly issuedNs: number;
  readonly endNs: number;
  readonly status: number;
}

/** Who looks at every answer of a path. It is the same object each time, filled anew. */
export type PathObserver = (call: EndedCall) => void;

export interface SimulatedDevice {
  /**
   * When a call that is issued now ends, nanoseconds, `nowNs` or later. Called once for each call, in the order of issue.
   * `operation` is `OPERATION_*`, without flags; position and bytes are of the path. Infinity: the end is not known yet, and
   * the path will be told (`endsAt`) for this slot.
   */
  book(nowNs: number, operation: number, bytes: number, position: number, slot: number): number;
  /** How a call ends: a `STATUS_*`. Called when it ends; what fails has moved nothing. Missing: all is well. */
  status?(operation: number, sectors: number, position: number, slot: number): number;
  /** Told of every answer: who measures. */
  ended?: PathObserver | undefined;
  /** Moves the bytes, between the arena and what it keeps. Missing: nothing is moved, not even zeros. */
  readonly medium?: { readonly backend: Backend; readonly arenaMemory: () => SharedMemory };
  /** Called once, when the path is closed. */
  release?(): void;
}

/** How long a call takes, nanoseconds from 0 on. */
export type ServiceNs = (operation: number, sectors: number, position: number) => number;

/** So many calls at once; the others wait in the order of issue, and begin when the call before them ended. */
export function servedBy(servers: number, serviceNs: ServiceNs): SimulatedDevice['book'] {
  const freeAtNs = new Float64Array(servers);
  return (nowNs, operation, bytes, position) => {
    let server = 0;
    for (let i = 1; i < servers; i++) if ((freeAtNs[i] as number) < (freeAtNs[server] as number)) server = i;
    const beginNs = Math.max(nowNs, freeAtNs[server] as number);
    const endNs = beginNs + Math.max(0, serviceNs(operation, bytes / 512, position));
    freeAtNs[server] = endNs;
    return endNs;
  };
}

/** Of a `service=` rule. With `random` the times vary by half. */
export function serviceOfRule(rule: DelayRule, random: SeededRandom | undefined): ServiceNs {
  return (operation, sectors) => {
    const travelling = hasPayload(operation) ? sectors * 512 : 0;
    const meanNs = (rule.fixedMs + travelling * rule.byteMs) * 1e6;
    return Math.round(random === undefined ? meanNs : meanNs * (0.5 + random.unit()));
  };
}

const SLOTS_FIRST = 16;

/** Calls on their way, by slot. */
class Calls {
  room = SLOTS_FIRST;
  /** Made so far: as many as there were calls at a time. */
  made = 0;
  ids: Uint32Array = new Uint32Array(SLOTS_FIRST);
  operations: Uint32Array = new Uint32Array(SLOTS_FIRST);
  bytes: Float64Array = new Float64Array(SLOTS_FIRST);
  positions: Float64Array = new Float64Array(SLOTS_FIRST);
  addresses: Float64Array = new Float64Array(SLOTS_FIRST);
  segments: Uint32Array = new Uint32Array(SLOTS_FIRST);
  /** How many were issued before it. */
  numbers: Float64Array = new Float64Array(SLOTS_FIRST);
  issuedNs: Float64Array = new Float64Array(SLOTS_FIRST);
  bookedNs: Float64Array = new Float64Array(SLOTS_FIRST);
  endNs: Float64Array = new Float64Array(SLOTS_FIRST);
  free: Int32Array = new Int32Array(SLOTS_FIRST);
  freeCount = 0;
  /** Slots by end, oldest first among equals, from `head` up to `tail`; twice as long as there are slots. */
  order: Int32Array = new Int32Array(2 * SLOTS_FIRST);
  head = 0;
  tail = 0;

  take(): number {
    if (this.freeCount > 0) return this.free[--this.freeCount] as number;
    if (this.made === this.room) this.#grow();
    return this.made++;
  }

  #grow(): void {
    const grown = <T extends Float64Array | Uint32Array | Int32Array>(into: T, from: T): T => {
      into.set(from);
      return into;
    };
    const room = 2 * this.room;
    this.ids = grown(new Uint32Array(room), this.ids);
    this.operations = grown(new Uint32Array(room), this.operations);
    this.bytes = grown(new Float64Array(room), this.bytes);
    this.positions = grown(new Float64Array(room), this.positions);
    this.addresses = grown(new Float64Array(room), this.addresses);
    this.segments = grown(new Uint32Array(room), this.segments);
    this.numbers = grown(new Float64Array(room), this.numbers);
    this.issuedNs = grown(new Float64Array(room), this.issuedNs);
    this.bookedNs = grown(new Float64Array(room), this.bookedNs);
    this.endNs = grown(new Float64Array(room), this.endNs);
    this.free = grown(new Int32Array(room), this.free);
    this.order = grown(new Int32Array(2 * room), this.order);
    this.room = room;
  }

  /** To where its end has gone. False: it is not in the order now. */
  move(slot: number): boolean {
    const { order } = this;
    let at = this.tail - 1;
    while (at >= this.head && order[at] !== slot) at--;
    if (at < this.head) return false;
    order.copyWithin(at, at + 1, this.tail--);
    this.insert(slot);
    return true;
  }

  /** Most end last, the others not far from it. */
  insert(slot: number): void {
    const { order, endNs } = this;
    if (this.tail === order.length) {
      order.copyWithin(0, this.head, this.tail);
      this.tail -= this.head;
      this.head = 0;
    }
    const end = endNs[slot] as number;
    let at = this.tail++;
    for (; at > this.head && (endNs[order[at - 1] as number] as number) > end; at--) order[at] = order[at - 1] as number;
    order[at] = slot;
  }
}

export class SimulatedPath extends KnownPath implements Path {
  readonly loop = 'evented';
  inFlight = 0;
  readonly #sink: PathSink;
  readonly #time: Time;
  readonly #device: SimulatedDevice;
  readonly #calls = new Calls();
  /** Segment tables by slot, where bytes are moved. */
  readonly #tables: Uint32Array[] = [];
  #arena: Uint8Array | undefined;
  readonly #timer: Timer;
  #timerAtNs = Number.POSITIVE_INFINITY;
  #issued = 0;
  readonly #ended = { operation: 0, bytes: 0, position: 0, issuedNs: 0, endNs: 0, status: 0 };
  /** Number of the first call that was issued while it hung. */
  #heldFrom = Number.POSITIVE_INFINITY;
  /** Until then it hangs at least. */
  #heldUntilNs = 0;
  readonly #idle = new IdleWait();
  #closing: Promise<void> | undefined;

  constructor(facts: PathFacts, sink: PathSink, time: Time, device: SimulatedDevice) {
    super(facts);
    this.#sink = sink;
    this.#time = time;
    this.#device = device;
    this.#timer = time.timer(this.#onTimer, { isPrecise: true });
  }

  /** Records made so far: as many as there were calls at a time. */
  get records(): number {
    return this.#calls.made;
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
    const calls = this.#calls;
    const slot = calls.take();
    const nowNs = this.#time.now();
    calls.ids[slot] = id;
    calls.operations[slot] = operation;
    calls.positions[slot] = position;
    calls.bytes[slot] = bytes;
    calls.numbers[slot] = this.#issued++;
    calls.issuedNs[slot] = nowNs;
    if (this.#device.medium !== undefined) {
      calls.addresses[slot] = address;
      calls.segments[slot] = segments;
      this.#keepTable(slot, operation, segments, segmentTable, segmentIndex);
    }
    const endNs = this.#device.book(nowNs, operation & OPERATION_MASK, bytes, position, slot);
    calls.bookedNs[slot] = endNs;
    calls.endNs[slot] = endNs;
    calls.insert(slot);
    this.inFlight++;
  }

  /** The table is valid during the call of `issue` only. */
  #keepTable(slot: number, operation: number, segments: number, table: Uint32Array, index: number): void {
    const words = 2 * pairsOf(operation, segments);
    let kept = this.#tables[slot];
    if (kept === undefined || kept.length < words) {
      kept = new Uint32Array(words);
      this.#tables[slot] = kept;
    }
    for (let i = 0; i < words; i++) kept[i] = table[2 * index + i] as number;
  }

  kick(): void {
    const calls = this.#calls;
    if (calls.head === calls.tail) return;
    const firstNs = calls.endNs[calls.order[calls.head] as number] as number;
    if (firstNs >= this.#timerAtNs) return;
    this.#timerAtNs = firstNs;
    this.#timer.set(firstNs);
  }

  /** A call whose end was not known: it is now. */
  endsAt(slot: number, endNs: number): void {
    const calls = this.#calls;
    calls.bookedNs[slot] = endNs;
    calls.endNs[slot] = Math.max(endNs, this.#time.now(), this.#heldUntilNs);
    if (calls.move(slot)) this.kick();
  }

  /** A call that its device could not let out at its issue. */
  issueAgain(slot: number): void {
    const endNs = this.#bookAgain(slot);
    if (endNs !== Number.POSITIVE_INFINITY) this.endsAt(slot, endNs);
  }

  #bookAgain(slot: number): number {
    const calls = this.#calls;
    const operation = (calls.operations[slot] as number) & OPERATION_MASK;
    const bytes = calls.bytes[slot] as number;
    return this.#device.book(this.#time.now(), operation, bytes, calls.positions[slot] as number, slot);
  }

  /** The path hangs: calls under way end no earlier than this; then, if their ends are not known by then. */
  holdUntil(untilNs: number): void {
    this.#heldFrom = this.#issued;
    this.#heldUntilNs = untilNs;
    const { bookedNs } = this.#calls;
    this.#reorder((slot) => {
      const endNs = bookedNs[slot] as number;
      return endNs === Number.POSITIVE_INFINITY ? untilNs : Math.max(endNs, untilNs);
    });
  }

  /** It goes on: calls end as they were booked, or now where that is past; those issued meanwhile begin now. */
  letGo(): void {
    const nowNs = this.#time.now();
    const calls = this.#calls;
    this.#heldUntilNs = 0;
    this.#reorder((slot) => {
      if ((calls.numbers[slot] as number) < this.#heldFrom) return Math.max(calls.bookedNs[slot] as number, nowNs);
      const endNs = this.#bookAgain(slot);
      calls.bookedNs[slot] = endNs;
      return endNs;
    });
    this.#heldFrom = Number.POSITIVE_INFINITY;
  }

  #reorder(endOf: (slot: number) => number): void {
    const calls = this.#calls;
    // in the order of issue, as they were booked
    const slots = calls.order
      .slice(calls.head, calls.tail)
      .sort((a, b) => (calls.numbers[a] as number) - (calls.numbers[b] as number));
    calls.head = 0;
    calls.tail = 0;
    for (const slot of slots) {
      calls.endNs[slot] = endOf(slot);
      calls.insert(slot);
    }
    this.#timer.clear();
    this.#timerAtNs = Number.POSITIVE_INFINITY;
    this.kick();
  }

  readonly #onTimer = (): void => {
    this.#timerAtNs = Number.POSITIVE_INFINITY;
    const calls = this.#calls;
    const nowNs = this.#time.now();
    let hasAnswered = false;
    while (calls.head < calls.tail) {
      const slot = calls.order[calls.head] as number;
      if ((calls.endNs[slot] as number) > nowNs) break;
      calls.head++;
      this.#end(slot);
      hasAnswered = true;
    }
    this.kick();
    if (hasAnswered) this.#sink.wake();
    if (this.inFlight === 0) this.#idle.note();
  };

  #end(slot: number): void {
    const calls = this.#calls;
    const device = this.#device;
    const operation = calls.operations[slot] as number;
    const position = calls.positions[slot] as number;
    const bytes = calls.bytes[slot] as number;
    let goodBytes = bytes;
    let status =
      device.status === undefined ? STATUS_OK : device.status(operation & OPERATION_MASK, bytes / 512, position, slot);
    if (status !== STATUS_OK) {
      goodBytes = 0;
    } else if (device.medium !== undefined) {
      const { backend, arenaMemory } = device.medium;
      this.#arena ??= new Uint8Array(arenaMemory().buffer);
      const table = this.#tables[slot] as Uint32Array;
      const address = calls.addresses[slot] as number;
      status = backend.perform(this.#arena, operation, position, bytes, address, calls.segments[slot] as number, table, 0);
      if (status !== STATUS_OK) goodBytes = backend.goodBytes;
    }
    if (device.ended !== undefined) {
      const ended = this.#ended;
      ended.operation = operation & OPERATION_MASK;
      ended.bytes = bytes;
      ended.position = position;
      ended.issuedNs = calls.issuedNs[slot] as number;
      ended.endNs = calls.endNs[slot] as number;
      ended.status = status;
      device.ended(ended);
    }
    calls.free[calls.freeCount++] = slot;
    this.inFlight--;
    this.#sink.answer(calls.ids[slot] as number, status, goodBytes / 512);
  }

  close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    await this.#idle.wait(this.inFlight === 0, graceMs);
    this.#timer.clear();
    // A virtual clock that nobody moves on never comes there: what is left ends now, in its order.
    const isLate = this.inFlight > 0;
    const calls = this.#calls;
    while (calls.head < calls.tail) this.#end(calls.order[calls.head++] as number);
    if (isLate) this.#sink.wake();
    this.#device.release?.();
  }
}
