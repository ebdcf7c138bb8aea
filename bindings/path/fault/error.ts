// `…?error=RULES` and `…?switch=NAME`: a path that fails, by rule or at the turn of a switch.
//
// A call that is to fail at a place inside it is performed up to there, so what is reported as good was really done.
// A DISCARD of several ranges that touches the place fails as a whole, and nothing of it is done. The switch wins over
// the rules. What is in flight when a switch is turned is answered as it comes.

import { OPERATION_FLUSH, STATUS_IOERR } from '../../../assembly/abi.ts';
import { RqdmError } from '../../errors.ts';
import { isErrorStatus, STATUS_NAMES, statusOfName } from '../errno.ts';
import { hasRanges, OPERATION_MASK, rangeSector, rangeSectors } from '../operation.ts';
import type { PathSink } from '../path.ts';
import { type OpenInner, WrapperPath } from '../wrapper-path.ts';
import type { ErrorRule } from './error-rule.ts';

/** By which code lets a path fail and mends it. One switch may serve several paths. */
export class FaultSwitch {
  /** `STATUS_*` that all I/O ends with, or undefined while all is well. */
  failing: number | undefined;
  /** Start and end of each stretch. */
  #bad: readonly number[] = [];

  /** A name as in error rules, or a `STATUS_*`. Default `transport`: the cable is out. */
  fail(status: string | number = 'transport'): void {
    const number = typeof status === 'number' ? status : statusOfName(status);
    if (!isErrorStatus(number)) {
      throw new RqdmError('ERR_RQDM_ARGUMENT', `'${status}' is no status: expected one of ${STATUS_NAMES.join(', ')}`);
    }
    this.failing = number;
  }

  mend(): void {
    this.failing = undefined;
  }

  /** I/O that touches these sectors, first and last of each stretch, fails as a whole from now on; none: no more. */
  setBadSectors(stretches: readonly { readonly first: number; readonly last: number }[]): void {
    this.#bad = stretches.flatMap(({ first, last }) => [first, last + 1]);
  }

  /** Whether sectors `start` … `end` - 1 touch a bad one. */
  isBad(start: number, end: number): boolean {
    const bad = this.#bad;
    for (let i = 0; i < bad.length; i += 2) if (end > (bad[i] as number) && start < (bad[i + 1] as number)) return true;
    return false;
  }

  get hasBadSectors(): boolean {
    return this.#bad.length > 0;
  }
}

/** The switches of a mapper by name. A switch may be asked for before any path has it. */
export class FaultSwitches {
  readonly #switches = new Map<string, FaultSwitch>();

  get(name: string): FaultSwitch {
    let found = this.#switches.get(name);
    if (found === undefined) {
      found = new FaultSwitch();
      this.#switches.set(name, found);
    }
    return found;
  }
}

export class ErrorPath extends WrapperPath {
  readonly #rules: readonly ErrorRule[];
  /** Calls that each rule fitted so far. */
  readonly #fitted: number[];
  readonly #switch: FaultSwitch;
  /** Calls performed in part: their status and sectors when the part has succeeded. */
  readonly #partial = new Map<number, { status: number; goodSectors: number }>();

  constructor(openInner: OpenInner, sink: PathSink, rules: readonly ErrorRule[], faultSwitch: FaultSwitch) {
    super(openInner, sink);
    this.#rules = rules;
    this.#fitted = rules.map(() => 0);
    this.#switch = faultSwitch;
  }

  /** `STATUS_*` with which everything fails from now on; undefined mends it. Same as the path's switch. */
  setFailing(status: number | undefined): void {
    this.#switch.failing = status;
  }

  issue(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void {
    if (this.#switch.failing !== undefined) {
      this.sink.answer(id, this.#switch.failing, 0);
      return;
    }
    if (this.#switch.hasBadSectors && this.#touchesBadSectors(operation, position, bytes)) {
      this.sink.answer(id, STATUS_IOERR, 0);
      return;
    }
    const isRanged = hasRanges(operation, segments);
    const rule = isRanged
      ? this.#ruleForRanges(operation, segments, segmentTable, segmentIndex)
      : this.#ruleFor(operation, position / 512, (position + bytes) / 512);
    if (rule === undefined) {
      this.inner.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
      return;
    }
    const isEverywhere = rule.endSector === Number.POSITIVE_INFINITY;
    const goodSectors = isEverywhere || isRanged ? 0 : Math.max(0, Math.ceil(rule.startSector - position / 512));
    if (goodSectors === 0 || isFlush(operation)) {
      this.sink.answer(id, rule.status, 0);
      return;
    }
    this.#partial.set(id, { status: rule.status, goodSectors });
    // Paths leave segments beyond `bytes` alone.
    this.inner.issue(id, operation, position, goodSectors * 512, address, segments, segmentTable, segmentIndex);
  }

  #touchesBadSectors(operation: number, position: number, bytes: number): boolean {
    return !isFlush(operation) && this.#switch.isBad(position / 512, (position + bytes) / 512);
  }

  /** The first rule that fits and whose turn it is. Each rule that fits counts the call. */
  #ruleFor(operation: number, start: number, end: number): ErrorRule | undefined {
    for (let i = 0; i < this.#rules.length; i++) {
      if (fits(this.#rules[i], operation, start, end) && this.#isDue(i)) return this.#rules[i];
    }
    return undefined;
  }

  #ruleForRanges(operation: number, ranges: number, table: Uint32Array, index: number): ErrorRule | undefined {
    for (let i = 0; i < this.#rules.length; i++) {
      for (let pair = index; pair < index + 2 * ranges; pair += 2) {
        const start = rangeSector(table, pair);
        if (!fits(this.#rules[i], operation, start, start + rangeSectors(table, pair))) continue;
        if (this.#isDue(i)) return this.#rules[i];
        break;
      }
    }
    return undefined;
  }

  #isDue(rule: number): boolean {
    this.#fitted[rule]++;
    return this.#fitted[rule] % this.#rules[rule].every === 0;
  }

  /** From the inner path. */
  override answer(id: number, status: number, goodSectors: number): void {
    const partial = this.#partial.size === 0 ? undefined : this.#partial.get(id);
    if (partial === undefined) {
      this.sink.answer(id, status, goodSectors);
      return;
    }
    this.#partial.delete(id);
    if (status === 0) this.sink.answer(id, partial.status, partial.goodSectors);
    else this.sink.answer(id, status, goodSectors);
  }
}

function isFlush(operation: number): boolean {
  return (operation & OPERATION_MASK) === OPERATION_FLUSH;
}

function fits(rule: ErrorRule, operation: number, start: number, end: number): boolean {
  if (rule.operation !== undefined && rule.operation !== (operation & OPERATION_MASK)) return false;
  if (rule.endSector === Number.POSITIVE_INFINITY) return true;
  return !isFlush(operation) && end > rule.startSector && start < rule.endSector;
}
