// Events of the core's trace ring for those who have subscribed to channels, or listen to a mapper or a device. Asked before
// and after each drive of the pump.
import { type BatchEvent, publishBatch, subscribedActions } from '../channels.ts';
import type { Core, TraceEvent } from '../core/core.ts';
import { ALL_ACTIONS, actionBits, EventColumns } from '../core/event-columns.ts';
import { RqdmError } from '../errors.ts';
import { callApart } from './call-apart.ts';

/** What one run of the core brought. */
export interface TraceBatch {
  /** In order, all devices together. */
  readonly events: readonly BatchEvent[];
  /** Events that the ring (`limits.traceRecords`) had no room for, before the last of these. */
  readonly lost: number;
}

/** Who takes events of one device as columns. */
class ColumnListener {
  readonly device: number;
  readonly actions: number;
  /** 1 at the codes of its letters: sets of actions do not tell `M` from `m`. */
  readonly wanted: Uint8Array = new Uint8Array(256);
  /** What comes goes in here. */
  columns: EventColumns = new EventColumns();
  /** What the listener is told of while more may come. */
  #told: EventColumns = new EventColumns();
  #isTelling = false;
  readonly #listen: (events: EventColumns) => void;

  constructor(device: number, letters: string, listen: (events: EventColumns) => void) {
    this.device = device;
    this.actions = actionBits(letters);
    for (const letter of letters) this.wanted[letter.charCodeAt(0)] = 1;
    this.#listen = listen;
  }

  /** A listener that drives again is told of what that brings after this. */
  tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    while (this.columns.count > 0 || this.columns.lost > 0) {
      const told = this.columns;
      this.columns = this.#told;
      this.#told = told;
      callApart(() => this.#listen(told));
      told.clear();
    }
    this.#isTelling = false;
  }
}

const LETTERS = 'QXGPUMFmIDARC';

export class Tracer {
  isOn = false;
  readonly #core: Core;
  #mapper: object | undefined;
  #numberOf: (device: number) => string = String;
  #next = 0;
  #events: TraceEvent[] = [];
  readonly #listeners: Set<(batch: TraceBatch) => void> = new Set();
  #lost = 0;
  #columnListeners: readonly ColumnListener[] = [];
  /** What the ring records now for all of them. */
  #actions = 0;
  /** Somebody wants events as objects. */
  #hasObjects = false;

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
    this.#assertRing();
    // each call is a listener of its own, the same function twice too
    const own = (batch: TraceBatch): void => listen(batch);
    this.#listeners.add(own);
    this.look();
    return () => {
      this.#listeners.delete(own);
      this.look();
    };
  }

  /**
   * Gives `listen` the events of a device (the core's number) with these letters, until what is returned is called or the device
   * is gone. Throws ERR_RQDM_LIMIT without a ring, ERR_RQDM_ARGUMENT for a letter that no event has.
   */
  listenColumns(device: number, letters: string, listen: (events: EventColumns) => void): () => void {
    const unknown = [...letters].find((letter) => !LETTERS.includes(letter));
    if (unknown !== undefined || letters === '') {
      const found = unknown === undefined ? 'no event' : `"${unknown}"`;
      throw new RqdmError('ERR_RQDM_ARGUMENT', `events: ${found}: expected letters of ${LETTERS}`);
    }
    this.#assertRing();
    const own = new ColumnListener(device, letters, listen);
    this.#columnListeners = [...this.#columnListeners, own];
    this.look();
    return () => {
      this.#columnListeners = this.#columnListeners.filter((one) => one !== own);
      this.look();
    };
  }

  /** A device is gone: its number will be another's. */
  forget(device: number): void {
    this.#columnListeners = this.#columnListeners.filter((one) => one.device !== device);
  }

  #assertRing(): void {
    if (this.#core.capacities.traceRecords > 0) return;
    throw new RqdmError('ERR_RQDM_LIMIT', 'there is no room for a trace: expected limits.traceRecords above 0');
  }

  /** Before a drive: the ring runs while somebody listens. */
  look(): void {
    if (this.#core.capacities.traceRecords === 0) return;
    let actions = this.#listeners.size > 0 ? ALL_ACTIONS : subscribedActions();
    this.#hasObjects = actions !== 0;
    for (const listener of this.#columnListeners) actions |= listener.actions;
    if (actions === this.#actions) return;
    if (this.#actions === 0) this.#next = this.#core.traceHead;
    this.#actions = actions;
    this.isOn = actions !== 0;
    this.#core.setPublishing(actions >>> 0);
  }

  /** Inside a drive, after a run: takes what has come before newer events overwrite it. */
  drain(): void {
    const from = this.#next;
    if (this.#core.traceHead === from) return;
    for (const { device, wanted, columns } of this.#columnListeners) {
      this.#core.readTraceColumns(from, device, wanted, columns);
    }
    this.#next = this.#core.traceHead;
    if (!this.#hasObjects) return;
    const { events, lost } = this.#core.readTrace(from);
    this.#lost += lost;
    for (const event of events) this.#events.push(event);
  }

  /** After a drive, out of the core. A subscriber may drive again: what that brings is told after this. */
  publish(): void {
    this.drain();
    for (const listener of this.#columnListeners) listener.tell();
    this.#publishObjects();
  }

  #publishObjects(): void {
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
