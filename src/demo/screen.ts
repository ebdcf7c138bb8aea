// What is said while it runs: a line that changes on a terminal, a few lines that stay elsewhere. All of it on stderr, so
// that stdout holds the result alone.

import type { WriteStream } from 'node:tty';

/** What a line of progress tells. */
export interface Progress {
  readonly title: string;
  /** 0 … 1. */
  readonly share: number;
  readonly iops: number;
  readonly merges: number;
  /** `A` or `F`, by label. */
  readonly paths: ReadonlyMap<string, string>;
}

const BAR_WIDTH = 16;
const CLEAR_LINE = '\r\x1b[2K';

export class Screen {
  readonly isLive: boolean;
  readonly #stream: WriteStream;
  readonly #isQuiet: boolean;
  #isLineOpen = false;

  /** With `isQuiet`, nothing is said unless it is a terminal. */
  constructor(stream: WriteStream, isQuiet: boolean) {
    this.#stream = stream;
    this.isLive = stream.isTTY === true;
    this.#isQuiet = isQuiet && !this.isLive;
  }

  /** Something happened: a line that stays. */
  event(text: string): void {
    this.clear();
    if (!this.#isQuiet) this.#stream.write(`${text}\n`);
  }

  /** Where we are: only on a terminal, on one line. */
  progress(progress: Progress): void {
    if (!this.isLive) return;
    const width = Math.max(20, (this.#stream.columns || 80) - 1);
    this.#stream.write(CLEAR_LINE + progressLine(progress).slice(0, width));
    this.#isLineOpen = true;
  }

  clear(): void {
    if (this.#isLineOpen) this.#stream.write(CLEAR_LINE);
    this.#isLineOpen = false;
  }
}

export function progressLine({ title, share, iops, merges, paths }: Progress): string {
  const filled = Math.round(Math.min(1, share) * BAR_WIDTH);
  const bar = '#'.repeat(filled) + '.'.repeat(BAR_WIDTH - filled);
  const percent = String(Math.floor(Math.min(1, share) * 100)).padStart(3);
  const states = [...paths].map(([label, state]) => `${label} ${state}`).join(', ');
  const figures = `${whole(iops).padStart(7)} IOPS  ${whole(merges).padStart(9)} merges`;
  return `${title.padEnd(13)} [${bar}] ${percent} %  ${figures}  paths: ${states}`;
}

/** 1234567 as 1,234,567. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
