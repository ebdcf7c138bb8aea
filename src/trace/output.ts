// Traces into files and pipes.

import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { realpath, rename, stat } from 'node:fs/promises';
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

/**
 * Writes all batches. A file appears under its name when it is complete: until then one that is there stays as it is, and it may be
 * the very trace that is read. Rejects with TraceError.
 */
export async function writeTrace(batches: Batches, options: OutputOptions): Promise<Written> {
  const { output } = options;
  if (output === '-') return pump(batches, process.stdout, options);
  const target = await targetOf(output);
  const removeDraft = (): void => {
    if (target.isDraft) rmSync(target.draft, { force: true });
  };
  const stream = createWriteStream(target.draft, { flags: target.isDraft ? 'wx' : 'w', mode: target.mode });
  process.on('exit', removeDraft);
  stream.on('error', () => undefined); // seen at the next write, or at the end
  try {
    await once(stream, 'open');
    const written = await pump(batches, stream, options);
    stream.end();
    await finished(stream);
    if (target.isDraft) await rename(target.draft, target.file);
    return written;
  } catch (error) {
    stream.destroy();
    removeDraft();
    if (error instanceof TraceError || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new TraceError(`${output}: ${(error as Error).message}`, { cause: error });
  } finally {
    process.off('exit', removeDraft);
  }
}

interface Target {
  readonly file: string;
  /** Where it is written. */
  readonly draft: string;
  readonly isDraft: boolean;
  readonly mode: number;
}

/** A file is written beside its place; a device, a pipe or a socket has no place but its own. */
async function targetOf(output: string): Promise<Target> {
  const found = await stat(output).catch(() => undefined);
  if (found !== undefined && !found.isFile()) return { file: output, draft: output, isDraft: false, mode: 0o666 };
  // through a link to what it names
  const file = found === undefined ? output : await realpath(output);
  return { file, draft: `${file}.${process.pid}.draft`, isDraft: true, mode: found?.mode ?? 0o666 };
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
  // it may have failed while nobody waited for it
  if (stream.errored) throw stream.errored;
  if (bytes.length > 0 && !stream.write(bytes)) await once(stream, 'drain');
}
