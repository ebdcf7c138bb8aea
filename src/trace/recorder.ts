// Records the load of a live device as rqdm's own trace: what is queued there becomes records, completions tell how long it took.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import {
  type BatchMessage,
  OPERATION_DISCARD as DEVICE_DISCARD,
  OPERATION_FLUSH as DEVICE_FLUSH,
  FLAG_FUA as DEVICE_FUA,
  FLAG_META as DEVICE_META,
  FLAG_PREFLUSH as DEVICE_PREFLUSH,
  FLAG_RAHEAD as DEVICE_RAHEAD,
  OPERATION_READ as DEVICE_READ,
  FLAG_SYNC as DEVICE_SYNC,
  OPERATION_WRITE as DEVICE_WRITE,
  type DeviceMapper,
} from '../../bindings/index.ts';
import { TraceError } from './errors.ts';
import { EVENT_COMPLETED, EVENT_QUEUED, EventRecorder } from './event-recorder.ts';
import { OwnWriter } from './own-writer.ts';
import { RecordSink } from './record-sink.ts';
import {
  FLAG_AHEAD,
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
} from './records.ts';

const QUEUE_CHANNEL = 'rqdm:bio:queue';
const COMPLETE_CHANNEL = 'rqdm:request:complete';
/** A file that cannot be written as fast as I/O comes loses records rather than memory. */
const WAITING_BYTES_MAX = 64 * 2 ** 20;

const OPERATIONS: ReadonlyMap<number, number> = new Map([
  [DEVICE_READ, OPERATION_READ],
  [DEVICE_WRITE, OPERATION_WRITE],
  [DEVICE_DISCARD, OPERATION_DISCARD],
  [DEVICE_FLUSH, OPERATION_FLUSH],
]);

/** What was recorded. */
export interface Recorded {
  readonly records: number;
  /** Events that were lost because more came than could be kept, and I/O of kinds that a trace has no way to say. */
  readonly lost: number;
}

export class TraceRecorder {
  readonly #mapper: DeviceMapper;
  readonly #number: string;
  readonly #stream: WriteStream;
  readonly #writer: OwnWriter = new OwnWriter();
  readonly #sink: RecordSink = new RecordSink(1);
  readonly #recorder: EventRecorder = new EventRecorder(this.#sink, 'Q', true);
  readonly #device: number;
  readonly #onQueue: (message: unknown) => void;
  readonly #onComplete: (message: unknown) => void;
  #originNs = Number.NaN;
  #lost = 0;
  #failure: Error | undefined;

  private constructor(mapper: DeviceMapper, number: string, stream: WriteStream) {
    this.#mapper = mapper;
    this.#number = number;
    this.#stream = stream;
    this.#device = this.#sink.device(number.replace(':', ','));
    stream.on('error', (error) => {
      this.#failure ??= error;
    });
    this.#onQueue = (message) => this.#take(message as BatchMessage, EVENT_QUEUED);
    this.#onComplete = (message) => this.#take(message as BatchMessage, EVENT_COMPLETED);
    stream.write(this.#writer.begin(true, Date.now() / 1000));
    subscribe(QUEUE_CHANNEL, this.#onQueue);
    subscribe(COMPLETE_CHANNEL, this.#onComplete);
  }

  /** Begins to record a device, by its `MAJOR:MINOR`, into a file that is made anew. Rejects with TraceError if it cannot be. */
  static async start(mapper: DeviceMapper, number: string, file: string): Promise<TraceRecorder> {
    const stream = createWriteStream(file, { flags: 'w', mode: 0o600 });
    try {
      await once(stream, 'open');
    } catch (error) {
      throw new TraceError(`${file}: ${(error as Error).message}`, { cause: error });
    }
    return new TraceRecorder(mapper, number, stream);
  }

  #take({ mapper, events, lost }: BatchMessage, kind: number): void {
    if (mapper !== this.#mapper) return;
    if (kind === EVENT_QUEUED) this.#lost += lost;
    for (const event of events) {
      if (event.device !== this.#number) continue;
      const operation = OPERATIONS.get(event.operation);
      if (operation === undefined) {
        if (kind === EVENT_QUEUED) this.#lost++;
        continue;
      }
      if (Number.isNaN(this.#originNs)) this.#originNs = event.timeNs;
      const timeNs = event.timeNs - this.#originNs;
      const isFlush = operation === OPERATION_FLUSH;
      const sector = isFlush ? 0 : event.sector;
      const sectors = isFlush ? 0 : event.sectors;
      const flags = flagsOf(event.flags, isFlush);
      this.#recorder.take(kind, timeNs, sector, sectors, operation, flags, this.#device, 0, Number.NaN);
    }
    for (const batch of this.#sink.take(false)) {
      if (this.#stream.writableLength > WAITING_BYTES_MAX) this.#lost += batch.count;
      else for (const block of this.#writer.write(batch, this.#sink.devices)) this.#stream.write(block);
    }
  }

  /** Ends the recording and completes the file. Rejects with TraceError if it could not be written. */
  async stop(): Promise<Recorded> {
    unsubscribe(QUEUE_CHANNEL, this.#onQueue);
    unsubscribe(COMPLETE_CHANNEL, this.#onComplete);
    try {
      for (const batch of this.#sink.take(true)) {
        for (const block of this.#writer.write(batch, this.#sink.devices)) this.#stream.write(block);
      }
      for (const block of this.#writer.end(this.#lost)) this.#stream.write(block);
      this.#stream.end();
      if (this.#failure === undefined) await finished(this.#stream);
    } catch (error) {
      this.#failure ??= error as Error;
    }
    if (this.#failure !== undefined) throw new TraceError(`the recording is not complete: ${this.#failure.message}`);
    return { records: this.#writer.total, lost: this.#lost };
  }
}

function flagsOf(flags: number, isFlush: boolean): number {
  let found = 0;
  if ((flags & DEVICE_SYNC) !== 0) found |= FLAG_SYNC;
  if ((flags & DEVICE_FUA) !== 0) found |= FLAG_FUA;
  if ((flags & DEVICE_META) !== 0) found |= FLAG_META;
  if ((flags & DEVICE_RAHEAD) !== 0) found |= FLAG_AHEAD;
  if ((flags & DEVICE_PREFLUSH) !== 0 && !isFlush) found |= FLAG_PREFLUSH;
  return found;
}
