// Records the load of a live device as rqdm's own trace: what is queued there becomes records, completions tell how long it took.

import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import {
  OPERATION_DISCARD as DEVICE_DISCARD,
  OPERATION_FLUSH as DEVICE_FLUSH,
  FLAG_FUA as DEVICE_FUA,
  FLAG_META as DEVICE_META,
  FLAG_PREFLUSH as DEVICE_PREFLUSH,
  FLAG_RAHEAD as DEVICE_RAHEAD,
  OPERATION_READ as DEVICE_READ,
  FLAG_SYNC as DEVICE_SYNC,
  OPERATION_WRITE as DEVICE_WRITE,
  OPERATION_WRITE_ZEROES as DEVICE_WRITE_ZEROES,
  type EventColumns,
  type MappedDevice,
  type PlainDevice,
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
  OPERATION_WRITE_ZEROES,
  type RecordBatch,
} from './records.ts';

const QUEUED = 'Q'.charCodeAt(0);
/** Completions find the records of the last so many batches: more than a device has in flight. */
const HELD_BATCHES = 8;
/** A file that cannot be written as fast as I/O comes loses records rather than memory. */
const WAITING_BYTES_MAX = 64 * 2 ** 20;

/** Operations of a trace by those of a device. */
const OPERATIONS: number[] = [];
OPERATIONS[DEVICE_READ] = OPERATION_READ;
OPERATIONS[DEVICE_WRITE] = OPERATION_WRITE;
OPERATIONS[DEVICE_DISCARD] = OPERATION_DISCARD;
OPERATIONS[DEVICE_WRITE_ZEROES] = OPERATION_WRITE_ZEROES;
OPERATIONS[DEVICE_FLUSH] = OPERATION_FLUSH;

/** What was recorded. */
export interface Recorded {
  /** I/Os in the file. */
  readonly records: number;
  /** I/Os that the file could not take as fast as they came, and events that the core's ring (`limits.traceRecords`) had no room for. */
  readonly lost: number;
}

/**
 * Records what is queued at a device from now on into `file`, which is made anew and readable by its owner alone, in rqdm's own
 * format: time, place, length, operation, flags, and how long each took. What one turn of the event loop submitted has one stamp, so a
 * simulation makes the plugs again. Rejects with TraceError (`ERR_RQDM_TRACE`) where the file cannot be made, with ERR_RQDM_LIMIT where
 * the mapper has no trace ring.
 */
export async function recordTrace(device: MappedDevice | PlainDevice, file: string): Promise<TraceRecording> {
  const stream = createWriteStream(file, { flags: 'w', mode: 0o600 });
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new TraceError(`${file}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return new TraceRecording(device, file, stream);
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

/** A recording that goes on. `await using` ends it. */
export class TraceRecording implements AsyncDisposable {
  readonly file: string;
  readonly #stream: WriteStream;
  readonly #writer: OwnWriter = new OwnWriter();
  readonly #sink: RecordSink = new RecordSink(HELD_BATCHES);
  readonly #recorder: EventRecorder = new EventRecorder(this.#sink, 'Q', true);
  readonly #device: number;
  readonly #stopListening: () => void;
  #originNs = Number.NaN;
  #lost = 0;
  #failure: Error | undefined;
  #stopping: Promise<Recorded> | undefined;

  /** Use `recordTrace`. The stream is open. */
  constructor(device: MappedDevice | PlainDevice, file: string, stream: WriteStream) {
    this.file = file;
    this.#stream = stream;
    this.#device = this.#sink.device(device.number.replace(':', ','));
    this.#stopListening = device.traceColumns('QC', (events) => this.#take(events));
    stream.on('error', (error) => this.#fail(error));
    stream.write(this.#writer.begin(true, Date.now() / 1000));
  }

  /** I/Os so far. */
  get records(): number {
    return this.#sink.total;
  }

  /** As in what `stop` says. */
  get lost(): number {
    return this.#lost;
  }

  /** Ends the recording and completes the file. Rejects with TraceError if it could not be written. Another call returns the same. */
  stop(): Promise<Recorded> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#stopListening();
  }

  #take(events: EventColumns): void {
    if (this.#failure !== undefined) return;
    if (events.lost > 0) this.#lost += events.lost;
    if (Number.isNaN(this.#originNs) && events.count > 0) this.#originNs = events.timeNs[0] as number;
    const { timeNs, sector, sectors, action, operation, flags } = events;
    for (let row = 0; row < events.count; row++) {
      const kind = action[row] === QUEUED ? EVENT_QUEUED : EVENT_COMPLETED;
      const traced = OPERATIONS[operation[row] as number] as number;
      const isFlush = traced === OPERATION_FLUSH;
      this.#recorder.take(
        kind,
        (timeNs[row] as number) - this.#originNs,
        isFlush ? 0 : (sector[row] as number),
        isFlush ? 0 : (sectors[row] as number),
        traced,
        flags[row] === 0 ? 0 : flagsOf(flags[row] as number, isFlush),
        this.#device,
        0,
        Number.NaN,
      );
    }
    for (const batch of this.#sink.take(false)) this.#write(batch);
  }

  #write(batch: RecordBatch): void {
    if (this.#stream.writableLength > WAITING_BYTES_MAX) this.#lost += batch.count;
    else for (const block of this.#writer.write(batch, this.#sink.devices)) this.#stream.write(block);
  }

  async #stop(): Promise<Recorded> {
    this.#stopListening();
    try {
      if (this.#failure === undefined) {
        for (const batch of this.#sink.take(true)) this.#write(batch);
        for (const block of this.#writer.end(this.#lost)) this.#stream.write(block);
        this.#stream.end();
        await finished(this.#stream);
      }
    } catch (error) {
      this.#failure ??= error as Error;
    }
    if (this.#failure !== undefined) {
      throw new TraceError(`${this.file}: the recording is not complete: ${this.#failure.message}`, { cause: this.#failure });
    }
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
