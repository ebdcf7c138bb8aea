// Traces into files and pipes.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { TraceError } from './errors.ts';
import type { RecordBatch, Trace } from './records.ts';
import type { Batches } from './transform.ts';
import { CheckedWriter, type TargetFormat } from './writer/writer.ts';

export interface OutputOptions {
  readonly target: TargetFormat;
  /** A file, or `-` for standard output. */
  readonly output: string;
  readonly isStrict: boolean;
  /** What the source is called in errors. */
  readonly name: string;
  readonly devices: () => readonly string[];
  readonly about: () => Pick<Trace, 'isTimed' | 'beganSeconds'>;
  readonly skipped: () => number;
}

/** What was written, and what got lost. */
export interface Written {
  readonly records: number;
  readonly losses: readonly string[];
}

/** Writes all batches. A file that could not be completed is removed. Rejects with TraceError. */
export async function writeTrace(batches: Batches, options: OutputOptions): Promise<Written> {
  const isPipe = options.output === '-';
  const stream: Writable = isPipe ? process.stdout : createWriteStream(options.output, { flags: 'w' });
  if (!isPipe) await opened(stream, options.output);
  try {
    const written = await pump(batches, stream, options);
    if (!isPipe) {
      stream.end();
      await finished(stream);
    }
    return written;
  } catch (error) {
    if (!isPipe) {
      stream.destroy();
      await rm(options.output, { force: true });
    }
    throw error;
  }
}

async function opened(stream: Writable, file: string): Promise<void> {
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new TraceError(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

async function pump(batches: Batches, stream: Writable, options: OutputOptions): Promise<Written> {
  let writer: CheckedWriter | undefined;
  const begin = async (): Promise<CheckedWriter> => {
    const made = new CheckedWriter(options.target, options.about(), options.name, options.isStrict);
    await put(stream, made.begin());
    return made;
  };
  for await (const batch of batches as AsyncIterable<RecordBatch>) {
    writer ??= await begin();
    for (const bytes of writer.write(batch, options.devices())) await put(stream, bytes);
  }
  writer ??= await begin();
  for (const bytes of writer.end(options.skipped())) await put(stream, bytes);
  return { records: writer.records, losses: writer.losses };
}

async function put(stream: Writable, bytes: Buffer): Promise<void> {
  if (bytes.length > 0 && !stream.write(bytes)) await once(stream, 'drain');
}
