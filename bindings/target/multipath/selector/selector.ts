// The interface of a path selector, and its manual.
//
// A selector is the policy of one priority group: it sees that group's paths and the length of an I/O, and nothing
// else. It doesn't know devices, requests or errors. Which group's turn it is, when a path has failed and what is
// retried is decided by multipath.
//
// Paths are numbered from 0 within the group, in the order of the table, one `addPath` each. A path that failed stays
// known, but `select` may not return it until it is reinstated.
//
// The calls, for each I/O:
//   select(bytes, now)         the path for it, or NO_PATH
//   startIo(path, bytes, now)  it goes to that path (usually the one just selected, but multipath may have reasons)
//   endIo(path, bytes, …)      it came back, with or without an error
//   releaseIo(path, bytes)     it never went: take back what startIo counted, and learn nothing from it
// After each startIo comes exactly one of the two others, also for a path that failed in between.
//
// These four run for every I/O: they return at once and allocate nothing. All numbers are exact to 2^53; bytes in
// flight on a path never come near that.
//
// To make one: implement PathSelector, describe it by a SelectorType, register that. `test/contract/selector.ts` holds
// what every selector must keep; a new one is tested by ten lines.

import type { ArgumentReader } from '../../../table/arguments.ts';

/** What `select` returns when all paths of the group have failed. */
export const NO_PATH = -1;

/** How many CPUs there are where nobody says it. */
export const CPUS_DEFAULT = 32;

export interface PathSelector {
  /**
   * One more path, at the end of the order; usable at once. `words` are its words in the table. Throws RqdmTableError
   * (`words.fail`) with the kernel's text.
   */
  addPath(words: ArgumentReader): void;
  /** A path for an I/O of so many bytes (0 for a flush), or NO_PATH. */
  select(bytes: number, nowNs: number): number;
  /** The path was usable and is not any more. */
  failPath(path: number): void;
  /** The path had failed and is usable again. */
  reinstatePath(path: number): void;
  startIo?(path: number, bytes: number, nowNs: number): void;
  /** `issuedAtNs`: when the path was given the I/O. */
  endIo?(path: number, bytes: number, issuedAtNs: number, nowNs: number): void;
  releaseIo?(path: number, bytes: number): void;
  /**
   * Words for a status line, each followed by a blank. With `path` undefined: the selector's own, beginning with how
   * many there are (`0 ` for none). Else those of a path: `SelectorType.infoWords` or `tableWords` of them.
   */
  status(kind: 'info' | 'table', path: number | undefined): string;
  /** What decides between paths, by name, for `explain`. Together with `figure`. */
  readonly figures?: readonly string[];
  /** Figure number `which` of a path as it is now. Allocates nothing. */
  figure?(path: number, which: number): number;
}

/** What the constructor of a selector may use. */
export interface SelectorContext {
  /** A line for the log, without the `device-mapper: ` prefix. */
  log(line: string): void;
  /** CPUs that may submit, 1 … 1024. Default: CPUS_DEFAULT. */
  readonly cpus?: number;
  /** During `select`: the CPU that submitted the I/O (for types with `usesCpu`). Missing: all comes from CPU 0. */
  cpu?(): number;
}

export interface SelectorType {
  readonly name: string;
  readonly version: readonly [number, number, number];
  /** How many words `status` gives for a path. */
  readonly tableWords: number;
  readonly infoWords: number;
  /** It asks who submitted an I/O; missing: it doesn't. */
  readonly usesCpu?: boolean;
  /**
   * A selector without paths. `words` are the group's selector arguments. Whatever it throws is reported with the
   * kernel's text `path selector constructor failed`.
   */
  create(words: ArgumentReader, context: SelectorContext): PathSelector;
}
