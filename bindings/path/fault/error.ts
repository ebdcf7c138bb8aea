// `…?error=RULES` and `…?switch=NAME`: a path that fails, by rule or at the turn of a switch.
//
// A call that is to fail at a place inside it is performed up to there, so what is reported as good was really done.
// The switch wins over the rules. What is in flight when a switch is turned is answered as it comes.

import { OPERATION_FLUSH } from '../../../assembly/abi.ts';
import { RqdmError } from '../../errors.ts';
import { STATUS_NAMES, statusOfName } from '../errno.ts';
import { KnownPath } from '../known-path.ts';
import type { Path, PathSink } from '../path.ts';
import { SinkRelay } from './delay.ts';
import type { ErrorRule } from './error-rule.ts';

/** By which code lets a path fail and mends it. One switch may serve several paths. */
export class FaultSwitch {
  /** `STATUS_*` that all I/O ends with, or undefined while all is well. */
  failing: number | undefined;

  /** A name as in error rules, or a `STATUS_*`. Default `transport`: the cable is out. */
  fail(status: string | number = 'transport'): void {
    const number = typeof status === 'number' ? status : statusOfName(status);
    if (number === undefined || number === 0) {
      throw new RqdmError('ERR_RQDM_ARGUMENT', `'${status}' is no status: expected one of ${STATUS_NAMES.join(', ')}`);
    }
    this.failing = number;
  }

  mend(): void {
    this.failing = undefined;
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

/** Stands between the inner path, whose sink it is, and the sink of the mapper. */
export class ErrorPath extends KnownPath implements Path, PathSink {
  readonly #inner: Path;
  readonly #sink: PathSink;
  readonly #rules: readonly ErrorRule[];
  /** Calls that each rule fitted so far. */
  readonly #fitted: number[];
  readonly #switch: FaultSwitch;
  /** Calls performed in part: their status and sectors when the part has succeeded. */
  readonly #partial = new Map<number, { status: number; goodSectors: number }>();

  constructor(
    openInner: (sink: PathSink) => Path & KnownPath,
    sink: PathSink,
    rules: readonly ErrorRule[],
    faultSwitch: FaultSwitch,
  ) {
    const relay = new SinkRelay();
    const inner = openInner(relay);
    super(inner);
    relay.target = this;
    this.#inner = inner;
    this.#sink = sink;
    this.#rules = rules;
    this.#fitted = rules.map(() => 0);
    this.#switch = faultSwitch;
  }

  get loop(): Path['loop'] {
    return this.#inner.loop === 'instant' ? 'inline' : this.#inner.loop;
  }

  get inFlight(): number {
    return this.#inner.inFlight;
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
      this.#sink.answer(id, this.#switch.failing, 0);
      return;
    }
    const start = position / 512;
    const rule = this.#ruleFor(operation, start, start + bytes / 512);
    if (rule === undefined) {
      this.#inner.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
      return;
    }
    const goodSectors = rule.endSector === Number.POSITIVE_INFINITY ? 0 : Math.max(0, Math.ceil(rule.startSector - start));
    if (goodSectors === 0 || operation === OPERATION_FLUSH) {
      this.#sink.answer(id, rule.status, 0);
      return;
    }
    this.#partial.set(id, { status: rule.status, goodSectors });
    // Paths leave segments beyond `bytes` alone.
    this.#inner.issue(id, operation, position, goodSectors * 512, address, segments, segmentTable, segmentIndex);
  }

  #ruleFor(operation: number, start: number, end: number): ErrorRule | undefined {
    for (let i = 0; i < this.#rules.length; i++) {
      const rule = this.#rules[i];
      if (rule.operation !== undefined && rule.operation !== operation) continue;
      const isEverywhere = rule.endSector === Number.POSITIVE_INFINITY;
      if (!isEverywhere && (operation === OPERATION_FLUSH || end <= rule.startSector || start >= rule.endSector)) continue;
      this.#fitted[i]++;
      if (this.#fitted[i] % rule.every === 0) return rule;
    }
    return undefined;
  }

  kick(): void {
    this.#inner.kick();
  }

  /** From the inner path. */
  answer(id: number, status: number, goodSectors: number): void {
    const partial = this.#partial.size === 0 ? undefined : this.#partial.get(id);
    if (partial === undefined) {
      this.#sink.answer(id, status, goodSectors);
      return;
    }
    this.#partial.delete(id);
    if (status === 0) this.#sink.answer(id, partial.status, partial.goodSectors);
    else this.#sink.answer(id, status, goodSectors);
  }

  /** From the inner path. */
  wake(): void {
    this.#sink.wake();
  }

  close(graceMs?: number): Promise<void> {
    return this.#inner.close(graceMs);
  }
}
