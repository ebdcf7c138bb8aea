// Block traces for `rqdm trace`: one a connection. Events wait here until the client has read them, so many at most; what
// comes while there is no room is lost, and the client is told how many.

import { constants } from 'node:os';
import { type BatchEvent, type DeviceMapper, STATUS_OK, statusName } from '../../bindings/index.ts';
import type { Operation } from './connection.ts';
import { ControlError, type TraceDevice, type TracedEvent, type TraceReply } from './protocol.ts';

const EVENTS_MAX = 262_144;
/** Events of one reply, so that its line stays short enough. */
const REPLY_EVENTS_MAX = 4096;
const NODES_MAX = 4096;

/** `eventsMax` events may wait for one client. */
export function traceOperations(mapper: DeviceMapper, eventsMax: number = EVENTS_MAX): Map<string, Operation> {
  // a connection's signal is the connection: nobody else has it
  const recordings = new Map<AbortSignal, Recording>();
  const find = (signal: AbortSignal): Recording => {
    const recording = recordings.get(signal);
    if (recording === undefined)
      throw new ControlError('EINVAL', 'no trace runs on this connection: expected trace-start before');
    return recording;
  };
  const stop = (signal: AbortSignal): void => {
    recordings.get(signal)?.stop();
    recordings.delete(signal);
  };
  return new Map<string, Operation>([
    [
      'trace-start',
      (fields, signal) => {
        if (recordings.has(signal)) throw new ControlError('EBUSY', 'a trace runs on this connection already');
        const nodes = fields.texts('nodes');
        if (nodes.length > NODES_MAX) throw new ControlError('E2BIG', `nodes: expected at most ${NODES_MAX}`);
        recordings.set(
          signal,
          new Recording(
            mapper,
            nodes.map((node) => numberOf(mapper, node)),
            eventsMax,
          ),
        );
        signal.addEventListener('abort', () => stop(signal), { once: true });
      },
    ],
    ['trace-read', (fields, signal) => find(signal).read(fields.flag('wait'), signal)],
    [
      'trace-stop',
      (_, signal) => {
        find(signal).stop();
      },
    ],
  ]);
}

function numberOf(mapper: DeviceMapper, node: string): string {
  const device = mapper.getDevice(node) ?? mapper.backing(node);
  if (device === undefined) throw new ControlError('ENOENT', `no device ${JSON.stringify(node)}`);
  return device.number;
}

class Recording {
  readonly #mapper: DeviceMapper;
  /** Empty: all. */
  readonly #numbers: ReadonlySet<string>;
  readonly #eventsMax: number;
  readonly #listening: () => void;
  /** How devices were called when they were first seen: they may be gone when the events are read. */
  readonly #devices: Map<string, TraceDevice> = new Map();
  #events: TracedEvent[] = [];
  #lost = 0;
  #isOver = false;
  #waiting: (() => void) | undefined;

  constructor(mapper: DeviceMapper, numbers: readonly string[], eventsMax: number) {
    this.#mapper = mapper;
    this.#eventsMax = eventsMax;
    this.#numbers = new Set(numbers);
    this.#listening = mapper.traceEvents(({ events, lost }) => this.#take(events, lost));
  }

  stop(): void {
    this.#listening();
    this.#isOver = true;
    this.#wake();
  }

  /** What has come; `wait` waits for something, or for the end. */
  async read(isWaiting: boolean, signal: AbortSignal): Promise<TraceReply> {
    if (isWaiting && this.#events.length === 0 && this.#lost === 0 && !this.#isOver) {
      if (this.#waiting) throw new ControlError('EBUSY', 'the trace is being read already');
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
      signal.throwIfAborted();
    }
    const events = this.#events.splice(0, REPLY_EVENTS_MAX);
    const lost = this.#lost;
    this.#lost = 0;
    const isOver = this.#isOver && this.#events.length === 0;
    return { events, lost, isOver, devices: Object.fromEntries(this.#devices) };
  }

  #take(events: readonly BatchEvent[], lost: number): void {
    this.#lost += lost;
    const met = new Set<string>();
    for (const event of events) {
      if (this.#numbers.size > 0 && !this.#numbers.has(event.device)) continue;
      if (this.#events.length >= this.#eventsMax) {
        this.#lost++;
        continue;
      }
      this.#meet(event.device, met);
      if (event.source !== undefined) this.#meet(event.source, met);
      this.#events.push([
        event.timeNs,
        event.device,
        event.action,
        event.operation,
        event.flags,
        event.sector,
        event.sectors,
        event.action === 'C' ? errorNumber(event.detail) : event.detail,
        event.source ?? '',
        event.sourceSector,
        event.bios,
      ]);
    }
    if (this.#events.length > 0 || this.#lost > 0) this.#wake();
  }

  /** Once in each batch, since a number may be another device's by now. */
  #meet(number: string, met: Set<string>): void {
    if (met.has(number)) return;
    met.add(number);
    const mapped = this.#mapper.getDevice(number);
    if (mapped !== undefined && mapped.number === number) {
      this.#devices.set(number, { name: mapped.name, isBioBased: mapped.type === 'bio' });
      return;
    }
    const backing = this.#mapper.backing(number);
    // one that is gone keeps its name
    if (backing === undefined && this.#devices.has(number)) return;
    const name = backing?.word.replace(/^\/dev\//, '') ?? number;
    this.#devices.set(number, { name, isBioBased: backing?.isRequestStackable === false });
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

/** A negative errno, as the kernel tells how an I/O ended. */
function errorNumber(status: number): number {
  if (status === STATUS_OK) return 0;
  const { errno } = constants;
  return -((errno as Readonly<Record<string, number>>)[statusName(status)] ?? errno.EIO);
}
