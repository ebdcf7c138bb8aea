// The last lines of the kind that the kernel logs, in a ring. A reader brings the number of the first line it has not
// seen, so several readers can follow without knowing of each other.

import type { KernelLogReply } from './protocol.ts';

const LINES_KEPT = 4096;
const LINE_LENGTH_MAX = 1024;
const LINES_A_REPLY = 512;

export class KernelLog {
  readonly #lines: string[] = [];
  readonly #forward: (line: string) => void;
  /** Lines ever added. */
  #count = 0;

  /** `forward` gets each line too. */
  constructor(forward: (line: string) => void = () => {}) {
    this.#forward = forward;
  }

  add(text: string): void {
    for (const part of text.split('\n')) {
      const line = part.length > LINE_LENGTH_MAX ? `${part.slice(0, LINE_LENGTH_MAX)}…` : part;
      this.#lines[this.#count % LINES_KEPT] = line;
      this.#count++;
      this.#forward(line);
    }
  }

  /** Lines from number `cursor` on, at most 512; undefined asks for nothing but the cursor of the next line. */
  read(cursor: number | undefined): KernelLogReply {
    if (cursor === undefined || cursor > this.#count) return { lines: [], next: this.#count, lost: 0 };
    const first = Math.max(cursor, this.#count - LINES_KEPT);
    const end = Math.min(this.#count, first + LINES_A_REPLY);
    const lines: string[] = [];
    for (let number = first; number < end; number++) lines.push(this.#lines[number % LINES_KEPT] as string);
    return { lines, next: end, lost: first - cursor };
  }
}
