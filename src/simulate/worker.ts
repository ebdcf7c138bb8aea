// What a worker thread does: one run, told as the texts that go to files. Nothing of the machine or the clock is in them.

import { closeSync, openSync, writeFileSync } from 'node:fs';
import { execute } from './execute.ts';
import type { RunResult } from './result.ts';
import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';
import { SharedShelf, type ShelvedTrace } from './trace-shelf.ts';

export interface RunTask {
  readonly rqdm: string;
  readonly scenario: Scenario;
  readonly variant: string;
  readonly seed: number;
  readonly traces: readonly ShelvedTrace[];
  /** Where the row of each request goes; missing: nowhere. */
  readonly rowsFile: string | undefined;
  /** I/Os so far, in this run's place. */
  readonly counts: SharedArrayBuffer;
  readonly place: number;
}

export interface RunOutput {
  readonly result: RunResult;
  /** Second by second, a row for each path. */
  readonly series: string;
}

const ROWS_KEPT = 8192;
export const ROWS_HEADER = 'issued_ns,ended_ns,path,operation,position,bytes,status';
export const SERIES_HEADER = 'seconds,path,ios,read_bytes,write_bytes,mean_ns,max_ns,errors';

export default async function runTask(task: RunTask): Promise<RunOutput> {
  const counts = new Float64Array(task.counts);
  let series = '';
  const rows = task.rowsFile === undefined ? undefined : new RowFile(task.rowsFile);
  try {
    const result = await execute({
      rqdm: task.rqdm,
      scenario: task.scenario,
      variant: task.variant,
      seed: task.seed,
      traces: new SharedShelf(task.traces),
      rows: rows === undefined ? undefined : (line) => rows.add(line),
      progress: ({ ios }) => {
        counts[task.place] = ios;
      },
      finished: (run) => {
        series = seriesOf(run);
      },
    });
    counts[task.place] = result.ios;
    return { result, series };
  } finally {
    rows?.close();
  }
}

class RowFile {
  readonly #name: string;
  readonly #file: number;
  #lines: string[] = [ROWS_HEADER];

  constructor(name: string) {
    this.#name = name;
    this.#file = openSync(name, 'w');
  }

  add(line: string): void {
    if (this.#lines.push(line) >= ROWS_KEPT) this.#write();
  }

  #write(): void {
    const lines = this.#lines;
    this.#lines = [];
    try {
      if (lines.length > 0) writeFileSync(this.#file, `${lines.join('\n')}\n`);
    } catch (error) {
      throw new Error(`${this.#name}: ${(error as Error).message}`, { cause: error });
    }
  }

  close(): void {
    try {
      this.#write();
    } finally {
      closeSync(this.#file);
    }
  }
}

export function seriesOf(run: Run): string {
  const lines = [SERIES_HEADER];
  const bins = Math.max(0, ...run.paths.map(({ series }) => series.bins));
  for (let bin = 0; bin < bins; bin++) {
    for (const { name, series } of run.paths) {
      const [ios, readBytes, writeBytes, waitedNs, longestNs, errors] = series.row(bin);
      const seconds = (bin * series.binNs) / 1e9;
      lines.push(
        `${seconds},${name},${ios},${readBytes},${writeBytes},${ios === 0 ? 0 : Math.round(waitedNs / ios)},${longestNs},${errors}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
