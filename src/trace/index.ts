// `rqdm/trace`, for programs: recorded traces, and the recording of a device's own load.
//
//   const recording = await recordTrace(device, 'load.trace');
//   …
//   const { records, lost } = await recording.stop();
//
//   const trace = await openTrace('load.trace');
//   for await (const batch of trace) for (let row = 0; row < batch.count; row++) use(batch.timeNs[row], batch.sector[row]);
//   if (trace.skips.count > 0) complain(trace.skips.first);

import { type Written, writeTrace } from './output.ts';
import type { RecordBatch, Trace } from './records.ts';
import { Summarizer, type TraceSummary } from './summary.ts';
import { findTarget } from './writer/registry.ts';

export { TraceError } from './errors.ts';
export { openTrace, type TraceOptions } from './open.ts';
export type { Written } from './output.ts';
export { type Recorded, recordTrace, type TraceRecording } from './record-device.ts';
export {
  type EventKind,
  FLAG_AHEAD,
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_NAMES,
  OPERATION_READ,
  OPERATION_UNKNOWN,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  RecordBatch,
  type Trace,
  type TraceSkips,
} from './records.ts';
export { summaryText, type TraceSummary } from './summary.ts';
export {
  type Batches,
  EVERYTHING,
  head,
  type MixInput,
  mix,
  type Scale,
  type SliceBounds,
  scale,
  slice,
  sorted,
  UNSCALED,
} from './transform.ts';

/** Reads a trace to its end and adds it up: what `rqdm trace info --json` prints. Rejects with TraceError. */
export async function summarizeTrace(trace: Trace): Promise<TraceSummary> {
  const summarizer = new Summarizer();
  for await (const batch of trace) summarizer.add(batch);
  return summarizer.summary(trace);
}

export interface ConvertOptions {
  /** A format that can be written (`rqdm trace formats`); default rqdm's own. */
  readonly to?: string;
  /** What that format has no way to say is an error instead of a loss. */
  readonly strict?: boolean;
  /** Changes the batches on their way. */
  readonly through?: (batches: AsyncIterable<RecordBatch>) => AsyncIterable<RecordBatch>;
}

/**
 * Writes a trace into a file in another format, and tells what that could not carry. A file that could not be completed is removed.
 * Rejects with TraceError.
 */
export async function convertTrace(trace: Trace, file: string, options: ConvertOptions = {}): Promise<Written> {
  const target = findTarget(options.to ?? 'rqdm');
  try {
    return await writeTrace(options.through === undefined ? trace : options.through(trace), {
      target,
      output: file,
      isStrict: options.strict === true,
      name: 'the trace',
      devices: () => trace.devices,
      about: () => trace,
      skipped: () => trace.skips.count,
    });
  } finally {
    await trace.close();
  }
}
