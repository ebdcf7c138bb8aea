// The usable paths of a selector, in the order in which they are considered: a doubly linked list by path number, so
// that moving a path to the tail costs four writes and no memory.
//
//   first → 2 → 0 → 1 ← last         next     [1, NONE, 0]
//                                    previous [2, 0, NONE]
//
// Two arrays of small integers, filled while the table is read and never grown after it.

import { NO_PATH } from './selector.ts';

/** Paths that failed are in no list: their order decides nothing. */
export class PathList {
  /** First path, or NO_PATH. */
  first: number = NO_PATH;
  /** For each path in the list: the next one, or NO_PATH. */
  readonly next: number[] = [];
  private last: number = NO_PATH;
  private readonly previous: number[] = [];

  /** A new path, at the tail. Returns its number. */
  add(): number {
    const path = this.next.length;
    this.next.push(NO_PATH);
    this.previous.push(NO_PATH);
    this.append(path);
    return path;
  }

  /** Puts a path that isn't in the list at the tail. */
  append(path: number): void {
    this.next[path] = NO_PATH;
    this.previous[path] = this.last;
    if (this.last === NO_PATH) this.first = path;
    else this.next[this.last] = path;
    this.last = path;
  }

  /** Puts a path that isn't in the list at the head. */
  prepend(path: number): void {
    this.next[path] = this.first;
    this.previous[path] = NO_PATH;
    if (this.first === NO_PATH) this.last = path;
    else this.previous[this.first] = path;
    this.first = path;
  }

  /** Takes a path out of the list. */
  remove(path: number): void {
    const next = this.next[path];
    const previous = this.previous[path];
    if (previous === NO_PATH) this.first = next;
    else this.next[previous] = next;
    if (next === NO_PATH) this.last = previous;
    else this.previous[next] = previous;
  }

  /** Moves a path of the list to its tail. */
  moveToTail(path: number): void {
    if (path === this.last) return;
    this.remove(path);
    this.append(path);
  }
}
