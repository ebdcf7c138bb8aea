// A trace in memory that threads share. Its bytes are a file of rqdm's own format, the columns are used where they lie: 36 bytes a
// record, and a worker that is given the memory reads nothing again.
//
// The cache keeps such a file for every trace that was made resident, under a name from the contents of the trace and from the options
// that it was read with. A cached file that is damaged or of another version is made again.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { findSet } from './blktrace-set.ts';
import { TraceError } from './errors.ts';
import {
  KIND_DEVICES,
  KIND_RECORDS,
  RQDM_BLOCK_BYTES,
  RQDM_HEADER_BYTES,
  RQDM_MAGIC,
  RQDM_VERSION,
  readBlockHeader,
  readFileHeader,
  readNames,
  readTotals,
} from './format/rqdm.ts';
import { openTrace, type TraceOptions } from './open.ts';
import { OwnWriter } from './own-writer.ts';
import { BATCH_RECORDS, RecordBatch } from './records.ts';

const CHUNK_BYTES = 1 << 20;

/** A trace in shared memory. Record i is in row `i % BATCH_RECORDS` of batch `i >> 13`. */
export interface ResidentTrace {
  readonly memory: SharedArrayBuffer;
  readonly batches: readonly RecordBatch[];
  readonly count: number;
  readonly devices: readonly string[];
  readonly isTimed: boolean;
  readonly beganSeconds: number | undefined;
  /** Records that were left out when it was read from its source. */
  readonly skipped: number;
}

/**
 * The trace that lies in this memory, for a thread that was given it. Nothing is copied; the checksums are looked at unless
 * `isChecked` says that somebody has. Throws TraceError if it is damaged.
 */
export function residentFrom(memory: SharedArrayBuffer, isChecked = false): ResidentTrace {
  const bytes = new Uint8Array(memory);
  const magic = Buffer.from(bytes.subarray(0, RQDM_MAGIC.length)).toString('latin1');
  if (bytes.length < RQDM_HEADER_BYTES || magic !== RQDM_MAGIC) throw new TraceError("not a trace of rqdm's");
  const { isTimed, beganSeconds } = readFileHeader(bytes);
  const batches: RecordBatch[] = [];
  const devices: string[] = [];
  let count = 0;
  let at = RQDM_HEADER_BYTES;
  for (;;) {
    if (at + RQDM_BLOCK_BYTES > bytes.length) throw new TraceError("rqdm's trace is cut off: its end is missing");
    const header = readBlockHeader(bytes, at);
    if (typeof header === 'string') throw new TraceError(`rqdm's trace, byte ${at}: ${header}`);
    const start = at + RQDM_BLOCK_BYTES;
    at = start + header.bytes;
    if (at > bytes.length) throw new TraceError("rqdm's trace is cut off inside a block");
    const body = bytes.subarray(start, at);
    if (!isChecked && crc32(body) !== header.crc)
      throw new TraceError(`rqdm's trace, byte ${start}: the checksum of a block is wrong`);
    if (header.kind === KIND_DEVICES) devices.push(...readNames(body, header.count));
    else if (header.kind === KIND_RECORDS) {
      if (count % BATCH_RECORDS !== 0) throw new TraceError(`rqdm's trace, byte ${start}: a block before it is not full`);
      const batch = new RecordBatch(header.count, memory, start);
      batch.count = header.count;
      batches.push(batch);
      count += header.count;
    } else {
      const { total, skipped } = readTotals(body);
      if (total !== count) throw new TraceError("rqdm's trace: records are missing");
      return { memory, batches, count, devices, isTimed, beganSeconds, skipped };
    }
  }
}

/** Where resident traces are kept: `RQDM_CACHE`, or the user's folder for such things. */
export function cacheFolder(): string {
  return process.env['RQDM_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'rqdm', 'traces');
}

export interface LoadOptions extends TraceOptions {
  /** Where to keep it. Default: cacheFolder(). */
  readonly cache?: string;
}

export interface LoadedTrace extends ResidentTrace {
  /** SHA-256 of the contents, in hexadecimal: of all files of a per-CPU set. */
  readonly hash: string;
  /** It came out of the cache. */
  readonly isCached: boolean;
}

/** Makes the trace of a file resident, from the cache if it has it. Rejects with TraceError. */
export async function loadTrace(file: string, options: LoadOptions = {}): Promise<LoadedTrace> {
  const { cache = cacheFolder(), ...reading } = options;
  const set = reading.single === true ? undefined : await findSet(file);
  const hash = await hashOf(set?.files ?? [file]);
  const key = createHash('sha256')
    .update(JSON.stringify([RQDM_VERSION, hash, Object.entries(reading).sort()]))
    .digest('hex');
  const kept = join(cache, `${key.slice(0, 40)}.rqdm-trace`);
  const found = await readShared(kept).catch(() => undefined);
  if (found !== undefined) {
    try {
      return { ...residentFrom(found), hash, isCached: true };
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
    }
  }
  await writeCache(file, reading, cache, kept);
  const memory = await readShared(kept);
  return { ...residentFrom(memory), hash, isCached: false };
}

async function hashOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) hash.update(chunk as Buffer);
    } catch (error) {
      throw new TraceError(`${file}: ${(error as Error).message}`, { cause: error });
    }
  }
  return hash.digest('hex');
}

/** Writes beside the place and moves there when it is complete, so that nobody finds half of it. */
async function writeCache(file: string, options: TraceOptions, folder: string, kept: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const draft = `${kept}.${process.pid}.${Date.now()}`;
  const handle = await open(draft, 'wx');
  try {
    await writeOwn(handle, file, options);
    await handle.close();
    await rename(draft, kept);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
}

async function writeOwn(handle: FileHandle, file: string, options: TraceOptions): Promise<void> {
  const trace = await openTrace(file, options);
  const writer = new OwnWriter();
  let isBegun = false;
  for await (const batch of trace) {
    // what the header says of the whole is known with the first records
    if (!isBegun) await handle.writeFile(writer.begin(trace.isTimed, trace.beganSeconds));
    isBegun = true;
    for (const block of writer.write(batch, trace.devices)) await handle.writeFile(block);
  }
  for (const block of writer.end(trace.skips.count)) await handle.writeFile(block);
}

/** A file in shared memory. */
async function readShared(file: string): Promise<SharedArrayBuffer> {
  const { size } = await stat(file);
  const handle = await open(file, 'r');
  try {
    const memory = new SharedArrayBuffer(size);
    const bytes = new Uint8Array(memory);
    let at = 0;
    while (at < size) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(size - at, CHUNK_BYTES * 64), at);
      if (bytesRead === 0) throw new TraceError(`${file} became shorter while it was read`);
      at += bytesRead;
    }
    return memory;
  } finally {
    await handle.close();
  }
}
