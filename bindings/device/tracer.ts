// Events of the core's trace ring for those who have subscribed to channels, or listen to a mapper. Asked before and after
// each drive of the pump.
import { type BatchEvent, hasBatchSubscribers, publishBatch } from '../channels.ts';
import type { Core, TraceEvent } from '../core/core.ts';
import { RqdmError } from '../errors.ts';

/** What one run of the core brought. */
export interface TraceBatch {
  /** In order, all devices together. */
  readonly events: readonly BatchEvent[];
  /** Events that the ring (`limits.traceRecords`) had no room for, before the last of these. */
  readonly lost: number;
}

export class Tracer {
  isOn = false;
  readonly #core: Core;
  #mapper: object | undefined;
  #numberOf: (device: number) => string = String;
  #next = 0;
  #events: TraceEvent[] = [];
  readonly #listeners: Set<(batch: TraceBatch) => void> = new Set();
  #lost = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Whose events these are, and the `MAJOR:MINOR` of a device by the core's number of it. */
  attach(mapper: object, numberOf: (device: number) => string): void {
    this.#mapper = mapper;
    this.#numberOf = numberOf;
  }

  /** Gives `listen` every event from now on, until what is returned is called. Throws ERR_RQDM_LIMIT without a ring. */
  listen(listen: (batch: TraceBatch) => void): () => void {
    if (this.#core.capacities.traceRecords === 0) {
      throw new RqdmError('ERR_RQDM_LIMIT', 'there is no room for a trace: expected limits.traceRecords above 0');
    }
    // each call is a listener of its own, the same function twice too
    const own = (batch: TraceBatch): void => listen(batch);
    this.#listeners.add(own);
    this.look();
    return () => this.#listeners.delete(own);
  }

  /** Before a drive: the ring runs while somebody listens. */
  look(): void {
    const isWanted = this.#core.capacities.traceRecords > 0 && (this.#listeners.size > 0 || hasBatchSubscribers());
    if (isWanted === this.isOn) return;
    this.isOn = isWanted;
    this.#core.setPublishing(isWanted);
    this.#next = this.#core.traceHead;
  }

  /** Inside a drive, after a run: takes what has come before newer events overwrite it. */
  drain(): void {
    if (this.#core.traceHead === this.#next) return;
    const { events, next, lost } = this.#core.readTrace(this.#next);
    this.#next = next;
    this.#lost += lost;
    for (const event of events) this.#events.push(event);
  }

  /** After a drive, out of the core. A subscriber may drive again: what that brings is told after this. */
  publish(): void {
    this.drain();
    if (this.#events.length === 0) return;
    const events: BatchEvent[] = this.#events.map((event) => ({
      ...event,
      device: this.#numberOf(event.device),
      source: event.action === 'A' ? this.#numberOf(event.detail) : undefined,
    }));
    const lost = this.#lost;
    this.#events = [];
    this.#lost = 0;
    publishBatch(this.#mapper, events, lost);
    for (const listen of this.#listeners) listen({ events, lost });
  }
}
