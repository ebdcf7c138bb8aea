// `…?delay=200us+2us/KiB&serial=NAME`: a slower device, for tests, demos and benches.
//
//   disk.img?delay=4ms+10us/KiB          a seek and 100 MiB/s: what merging saves is easy to see
//   mem:a?size=1G&delay=1ms&serial=s     two paths of one array: with the same serial they share its one server
//
// The fixed part is for every call, the share of the size for bytes that travel: a flush, a DISCARD and WRITE_ZEROES have
// none. Without `delay` a call takes what it takes; there is no default.
//
// The I/O itself is performed when it is issued; its answer is held until a device of that speed would have given it.
// With `serial` all paths of that NAME are one server that works on one call at a time, in the order of issue; a call
// begins when the one before it ended, not when our timer noticed, so lateness does not add up. Without `serial` every
// call just takes its time, as on a device without a limit.

import type { Time } from '../../time/time.ts';
import { CLOSE_GRACE_MS, IdleWait } from '../known-path.ts';
import { hasPayload } from '../operation.ts';
import type { PathSink } from '../path.ts';
import { type OpenInner, WrapperPath } from '../wrapper-path.ts';
import type { DelayRule } from './delay-rule.ts';

/** What one call at a time is served by. */
export interface SerialServer {
  /** When it is done with all that it was given so far: nanoseconds of the mapper's time. */
  freeAtNs: number;
}

interface HeldAnswer {
  readonly id: number;
  readonly dueNs: number;
  /** Both are set when the inner path has answered. */
  status: number;
  goodSectors: number;
}

const NOT_ANSWERED = -1;
const NS_PER_MS = 1e6;

export class DelayPath extends WrapperPath {
  readonly #rule: DelayRule;
  readonly #server: SerialServer | undefined;
  readonly #time: Time;
  readonly #held = new Map<number, HeldAnswer>();
  /** By due time. Mostly appended to. */
  readonly #queue: HeldAnswer[] = [];
  #cancelTimer: (() => void) | undefined;
  #timerAtNs = Number.POSITIVE_INFINITY;
  readonly #idle = new IdleWait();
  #closing: Promise<void> | undefined;

  constructor(openInner: OpenInner, sink: PathSink, rule: DelayRule, server: SerialServer | undefined, time: Time) {
    super(openInner, sink);
    this.#rule = rule;
    this.#server = server;
    this.#time = time;
  }

  override get loop(): 'evented' {
    return 'evented';
  }

  override get inFlight(): number {
    return this.#held.size;
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
    const now = this.#time.now();
    const travelling = hasPayload(operation) ? bytes : 0;
    const service = Math.round((this.#rule.fixedMs + travelling * this.#rule.byteMs) * NS_PER_MS);
    let dueNs = now + service;
    if (this.#server !== undefined) {
      dueNs = Math.max(now, this.#server.freeAtNs) + service;
      this.#server.freeAtNs = dueNs;
    }
    const held: HeldAnswer = { id, dueNs, status: NOT_ANSWERED, goodSectors: 0 };
    this.#held.set(id, held);
    let at = this.#queue.length;
    while (at > 0 && this.#queue[at - 1].dueNs > dueNs) at--;
    if (at === this.#queue.length) this.#queue.push(held);
    else this.#queue.splice(at, 0, held);
    this.inner.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
  }

  override kick(): void {
    this.inner.kick();
    this.#setTimer();
  }

  #setTimer(): void {
    const first = this.#queue[0];
    if (first === undefined || first.dueNs >= this.#timerAtNs) return;
    this.#cancelTimer?.();
    this.#timerAtNs = first.dueNs;
    this.#cancelTimer = this.#time.at(
      first.dueNs,
      () => {
        this.#timerAtNs = Number.POSITIVE_INFINITY;
        this.#answerDue();
      },
      { isPrecise: true },
    );
  }

  /** Answers what is due and answered below. What is due only is answered when the path below does. */
  #answerDue(): void {
    const now = this.#time.now();
    let due = 0;
    let answered = 0;
    for (const held of this.#queue) {
      if (held.dueNs > now) break;
      due++;
      if (held.status === NOT_ANSWERED) continue;
      this.#held.delete(held.id);
      this.sink.answer(held.id, held.status, held.goodSectors);
      answered++;
    }
    this.#queue.splice(0, due);
    if (answered > 0) this.sink.wake();
    this.#setTimer();
    if (this.#held.size === 0) this.#idle.note();
  }

  /** From the inner path. */
  override answer(id: number, status: number, goodSectors: number): void {
    const held = this.#held.get(id);
    if (held === undefined) {
      // Not ours any more: whoever counts late answers is further up.
      this.sink.answer(id, status, goodSectors);
      return;
    }
    held.status = status;
    held.goodSectors = goodSectors;
    if (held.dueNs > this.#time.now() || this.#queue.includes(held)) return;
    this.#held.delete(id);
    this.sink.answer(id, status, goodSectors);
  }

  /** From the inner path. */
  override wake(): void {
    this.sink.wake();
    if (this.#held.size === 0) this.#idle.note();
  }

  override close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    await this.#idle.wait(this.#held.size === 0, graceMs);
    await this.inner.close(graceMs);
    // Whatever is still held has been answered below by now: let it go at once.
    this.#cancelTimer?.();
    for (const held of this.#held.values()) {
      if (held.status !== NOT_ANSWERED) this.sink.answer(held.id, held.status, held.goodSectors);
    }
    if (this.#held.size > 0) this.sink.wake();
    this.#held.clear();
    this.#queue.length = 0;
  }
}
