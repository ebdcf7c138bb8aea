// The pump: the one place that enters the core. It feeds the submit ring, obeys what a run of the core
// wants (decisions, path I/O, fills, completions) and calls it again until it wants nothing more.
//
//   submit ring ──▶ core.run ──▶ release, end_io_first, end_io, prep_map, map  (decisions.ts)
//                      ▲     ──▶ issue ring ──▶ paths ──▶ answer ring ─┐
//                      └───────────────────────────────────────────────┘
//                            ──▶ fills, completions ──▶ settlers
//
// Nobody enters the core while a hook or a path runs: whoever tries is noted and served afterwards
// (rule 4). If the core traps it is poisoned: everything pending is rejected.
import {
  COMPLETE_BYTES,
  FILL_BYTES,
  HEADER_ANSWER_COUNT,
  HEADER_COMPLETE,
  HEADER_COMPLETE_COUNT,
  HEADER_FAILURE_COUNT,
  HEADER_FILL,
  HEADER_FILL_COUNT,
  HEADER_ISSUE,
  HEADER_ISSUE_COUNT,
  HEADER_SEGMENT,
  HEADER_SEGMENT_COUNT,
  HEADER_TIMERS_ARMED,
  ISSUE_ADDRESS,
  ISSUE_BYTES,
  ISSUE_DEVICE,
  ISSUE_ID,
  ISSUE_OPERATION,
  ISSUE_SECTOR,
  ISSUE_SECTORS,
  ISSUE_SEGMENT,
  ISSUE_SEGMENTS,
  SEGMENT_BYTES,
  STATUS_AGAIN,
  WANT_ALARM,
  WANT_COMPLETE,
  WANT_END_IO,
  WANT_END_IO_FIRST,
  WANT_FILL,
  WANT_ISSUE,
  WANT_MAP,
  WANT_PREP_MAP,
  WANT_RELEASE,
  WANT_RUN,
  WANT_TOLD,
} from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';
import { RqdmError } from '../errors.ts';
import type { Path, PathSink } from '../path/path.ts';
import type { Time, Timer, Turn } from '../time/time.ts';
import type { Arena } from './arena.ts';
import { Bounce } from './bounce.ts';
import { callApart } from './call-apart.ts';
import { Decisions, type TargetSlot } from './decisions.ts';
import { FailureLog } from './failure-log.ts';
import { Submissions } from './submissions.ts';
import { Tracer } from './tracer.ts';

const ISSUE_WORDS = ISSUE_BYTES / 4;
const ISSUE_DOUBLES = ISSUE_BYTES / 8;
const COMPLETE_WORDS = COMPLETE_BYTES / 4;
const ZEROS = new Uint8Array(65536);
const ASKS = WANT_RELEASE | WANT_END_IO_FIRST | WANT_END_IO | WANT_PREP_MAP | WANT_MAP | WANT_FILL;

/** Who is told when a bio has ended. The upper bits of a tag name it, the lower 20 are its own. */
export interface Settler {
  /** `status` is a STATUS_; `path` the device that had it last, or 0xffff. Called inside the pump: it may not call user code. */
  settle(index: number, status: number, attempts: number, path: number, firstStatus: number): void;
  /** The core is gone: reject everything with this error. */
  poison(error: RqdmError): void;
}

export const TAG_BITS = 20;
const TAG_MASK: number = 2 ** TAG_BITS - 1;
const SETTLERS_MAX: number = 2 ** (32 - TAG_BITS);

export class Pump implements PathSink {
  readonly core: Core;
  readonly arena: Arena;
  readonly time: Time;
  readonly tracer: Tracer;
  readonly failures: FailureLog;
  /** Paths by device id. */
  readonly paths: (Path | undefined)[] = [];
  /** Targets by the number in their extents. */
  readonly targets: (TargetSlot | undefined)[] = [];
  poisoned: RqdmError | undefined;

  readonly #decisions: Decisions;
  readonly #settlers: (Settler | undefined)[] = [undefined];
  readonly #freeSettlers: number[] = [];
  readonly #submissions: Submissions;
  readonly #issueWords: Uint32Array;
  readonly #issueDoubles: Float64Array;
  readonly #segments: Uint32Array;
  readonly #completeWords: Uint32Array;
  readonly #fillWords: Uint32Array;
  readonly #afterwards: (() => void)[] = [];
  readonly #entries: (() => void)[] = [];
  readonly #watchers: Set<() => void> = new Set();
  /** Replaced when it changes: it is gone through after each batch of hooks. */
  #busyHooks: readonly (() => void)[] = [];
  readonly #alarmHooks: Set<() => void> = new Set();
  readonly #kicked: (Path | undefined)[] = [];
  readonly #bounce: Bounce;
  #isDriving = false;
  #isWanted = false;
  readonly turn: Turn;
  readonly #timer: Timer;
  #timerAt = 0;
  #isTimerIdle = false;
  #hasAlarm = false;
  /** Something ended since the last look: bios that wait may find a record now. */
  #hasCompleted = false;

  constructor(core: Core, arena: Arena, time: Time) {
    this.core = core;
    this.arena = arena;
    this.time = time;
    this.tracer = new Tracer(core);
    this.failures = new FailureLog(core, time);
    this.turn = time.turn(() => this.drive());
    this.#timer = time.timer(() => {
      this.#timerAt = 0;
      this.drive();
    });
    this.#decisions = new Decisions(core, this.targets);
    this.#bounce = new Bounce(arena);
    this.#submissions = new Submissions(core, time, (tag) => {
      (this.#settlers[tag >>> TAG_BITS] as Settler).settle(tag & TAG_MASK, STATUS_AGAIN, 0, 0xffff, STATUS_AGAIN);
    });
    const { bios } = core.capacities;
    const requests = core.answerCapacity; // all request records there are
    this.#issueWords = core.ringWords(HEADER_ISSUE, requests, ISSUE_BYTES);
    this.#issueDoubles = core.ringDoubles(HEADER_ISSUE, requests, ISSUE_BYTES);
    // as `initialise` lays them out: a range of a discard takes two; what is to be zeroed, fillsMax of record/fill.ts
    this.#segments = core.ringWords(HEADER_SEGMENT, 2 * bios, SEGMENT_BYTES);
    this.#completeWords = core.ringWords(HEADER_COMPLETE, bios, COMPLETE_BYTES);
    this.#fillWords = core.ringWords(HEADER_FILL, bios + (bios >>> 1) + 1, FILL_BYTES);
  }

  // ---- settlers ---------------------------------------------------------------------------------------

  /** A number for a settler: shift it left by TAG_BITS and add an index to make a tag. -1: none is free now. */
  addSettler(settler: Settler): number {
    const number = this.#freeSettlers.pop() ?? this.#settlers.length;
    if (number >= SETTLERS_MAX) return -1;
    this.#settlers[number] = settler;
    return number;
  }

  removeSettler(number: number): void {
    this.#settlers[number] = undefined;
    this.#freeSettlers.push(number);
  }

  // ---- stage 1: bios go in ------------------------------------------------------------------------------

  /**
   * Adds a bio to the submit ring; it goes at the next `drive`. Sectors; `operation` has FLAG_ bits from bit 8 on,
   * `tag` is settler << TAG_BITS | index. One with FLAG_NOWAIT that finds no record is settled at once, inside the call too.
   */
  submit(device: number, operation: number, sector: number, sectors: number, address: number, tag: number): void {
    if (this.#submissions.isFull && !this.#makeRoom()) {
      this.#submissions.wait(device, operation, sector, sectors, address, tag);
      return;
    }
    this.#submissions.add(device, operation, sector, sectors, address, tag);
  }

  /** False, called from a hook: the core cannot be entered now, so the bio waits. */
  #makeRoom(): boolean {
    if (this.#isDriving) {
      this.#hasCompleted = true;
      return false;
    }
    try {
      this.#submissions.give();
    } catch (error) {
      this.#poison(error);
    }
    return true;
  }

  /** Takes back what the core has not been given yet: bios of this settler for whose index `drops` says so. */
  withdraw(settler: number, drops: (index: number) => boolean): void {
    this.#submissions.withdraw((tag) => tag >>> TAG_BITS === settler && drops(tag & TAG_MASK));
  }

  // ---- when to run -------------------------------------------------------------------------------------------

  /** Runs when this turn's microtasks have drained: what is submitted until then is one plug. */
  schedule(): void {
    this.turn.schedule();
  }

  /** PathSink: answers were added outside of `issue`. */
  wake(): void {
    this.drive();
  }

  /** PathSink: a path has answered. */
  answer(id: number, status: number, goodSectors: number): void {
    if (this.#bounce.isActive) this.#bounce.answered(id, status, goodSectors);
    while (!this.core.answer(id, status, goodSectors)) {
      if (this.#isDriving || this.poisoned) return; // cannot be: there is room for every request
      this.drive();
    }
  }

  /** `run` after the pump is out of the core. For listeners and whatever may enter the core again. */
  afterwards(run: () => void): void {
    this.#afterwards.push(run);
    if (!this.#isDriving) this.schedule();
  }

  /** `change` calls into the core as soon as no hook runs; a run of the core follows. */
  enter(change: () => void): void {
    this.#entries.push(change);
    if (this.#isDriving) this.#isWanted = true;
    else this.schedule();
  }

  /** As `enter`, but at once if no hook and no path runs. */
  enterNow(change: () => void): void {
    if (this.#isDriving) this.enter(change);
    else change();
  }

  /** `look` is called after every drive, until removed: to see whether something has come true. */
  watch(look: () => void): () => void {
    this.#watchers.add(look);
    return () => this.#watchers.delete(look);
  }

  /** `ask` is called after every batch of hooks. */
  onHooks(ask: () => void): () => void {
    this.#busyHooks = [...this.#busyHooks, ask];
    return () => {
      this.#busyHooks = this.#busyHooks.filter((other) => other !== ask);
    };
  }

  /** `look` is called, outside of the core, when some device's alarm has gone off: its FIGURE_ALARM says whose. */
  onAlarm(look: () => void): () => void {
    this.#alarmHooks.add(look);
    return () => this.#alarmHooks.delete(look);
  }

  /** Submits what the ring holds without a plug: each bio on its own, as a submitter that does not batch. */
  driveUnplugged(): void {
    this.#submissions.isPlugged = 0;
    try {
      this.drive();
    } finally {
      this.#submissions.isPlugged = 1;
    }
  }

  /** Runs the core until it wants nothing more that can be done now. From inside a hook: noted, done afterwards. */
  drive(): void {
    if (this.#isDriving) {
      this.#isWanted = true;
      return;
    }
    if (this.poisoned) return;
    this.#isDriving = true;
    this.tracer.look();
    const submissions = this.#submissions;
    try {
      do {
        this.#isWanted = false;
        while (this.#entries.length > 0) (this.#entries.shift() as () => void)();
        if (submissions.count > 0) submissions.give();
        this.#runCore();
        if (submissions.hasWaiting && this.#hasCompleted) {
          if (submissions.count > 0) submissions.give(); // hooks may have added some
          submissions.retry();
          this.#isWanted = true;
        }
        this.#hasCompleted = false;
        if (this.#bounce.isActive) this.#retryBounced();
      } while (this.#isWanted || submissions.count > 0);
    } catch (error) {
      this.#poison(error);
    } finally {
      this.#isDriving = false;
    }
    this.#armTimer();
    if (this.tracer.isOn) this.tracer.publish();
    if (this.#watchers.size > 0) for (const look of this.#watchers) look();
    if (this.#hasAlarm) {
      this.#hasAlarm = false;
      for (const look of this.#alarmHooks) look();
    }
    while (this.#afterwards.length > 0) callApart(this.#afterwards.shift() as () => void);
  }

  #retryBounced(): void {
    for (const path of this.#bounce.retry()) {
      path.kick();
      this.#isWanted = true;
    }
  }

  #runCore(): void {
    const { exports, header, clock } = this.core;
    while (true) {
      clock[0] = this.time.now();
      const want = exports.run();
      if (this.tracer.isOn) this.tracer.drain();
      if (header[HEADER_FAILURE_COUNT] !== 0) this.failures.tell();
      if (want === 0) return;
      if (want & WANT_ALARM) this.#hasAlarm = true;
      if (want & WANT_FILL) this.#fill();
      if (want & WANT_COMPLETE) this.#complete();
      if (want & (ASKS | WANT_TOLD)) this.#decide(want);
      if (want & WANT_ISSUE) this.#issue();
      if (!(want & (ASKS | WANT_RUN)) && header[HEADER_ANSWER_COUNT] === 0) return;
    }
  }

  #decide(want: number): void {
    const decisions = this.#decisions;
    if (want & WANT_RELEASE) decisions.release();
    if (want & WANT_TOLD) decisions.told();
    if (want & WANT_END_IO_FIRST) decisions.endIoFirst();
    if (want & WANT_END_IO) decisions.endIo();
    if (want & WANT_PREP_MAP) decisions.prepMap();
    if (want & WANT_MAP) decisions.map();
    const hooks = this.#busyHooks;
    for (let i = 0; i < hooks.length; i++) (hooks[i] as () => void)();
  }

  // ---- stage 8: path I/O -----------------------------------------------------------------------------------------

  #issue(): void {
    const { header } = this.core;
    const total = header[HEADER_ISSUE_COUNT] as number;
    const words = this.#issueWords;
    const doubles = this.#issueDoubles;
    const segments = this.#segments;
    const kicked = this.#kicked;
    const isBouncing = this.arena.hasQuarantine;
    let last: Path | undefined;
    let paths = 0;
    for (let i = 0; i < total; i++) {
      const at = i * ISSUE_WORDS;
      const path = this.paths[words[at + ISSUE_DEVICE] as number] as Path;
      if (path !== last) {
        last = path;
        let k = 0;
        while (k < paths && kicked[k] !== path) k++;
        if (k === paths) kicked[paths++] = path;
      }
      const operation = words[at + ISSUE_OPERATION] as number; // with its flags
      const position = (doubles[i * ISSUE_DOUBLES + ISSUE_SECTOR] as number) * 512;
      const bytes = (words[at + ISSUE_SECTORS] as number) * 512;
      const address = words[at + ISSUE_ADDRESS] as number;
      const id = words[at + ISSUE_ID] as number;
      const pieces = words[at + ISSUE_SEGMENTS] as number;
      const piece = words[at + ISSUE_SEGMENT] as number;
      if (isBouncing && this.#bounce.take(path, id, operation, position, bytes, address, pieces, segments, piece)) continue;
      path.issue(id, operation, position, bytes, address, pieces, segments, piece);
    }
    header[HEADER_ISSUE_COUNT] = 0;
    header[HEADER_SEGMENT_COUNT] = 0;
    for (let k = 0; k < paths; k++) {
      (kicked[k] as Path).kick();
      kicked[k] = undefined;
    }
  }

  // ---- stage 11: bios come out -----------------------------------------------------------------------------------

  /** Zeros by `set`: `fill` of shared memory goes byte by byte. */
  #fill(): void {
    const { header } = this.core;
    const total = header[HEADER_FILL_COUNT] as number;
    const words = this.#fillWords;
    const bytes = this.arena.bytes;
    for (let i = 0; i < total; i++) {
      let address = words[2 * i] as number;
      const end = address + (words[2 * i + 1] as number);
      for (; address + ZEROS.length <= end; address += ZEROS.length) bytes.set(ZEROS, address);
      if (address < end) bytes.set(ZEROS.subarray(0, end - address), address);
    }
    header[HEADER_FILL_COUNT] = 0;
  }

  #complete(): void {
    const { header } = this.core;
    const total = header[HEADER_COMPLETE_COUNT] as number;
    const words = this.#completeWords;
    const settlers = this.#settlers;
    for (let i = 0; i < total; i++) {
      const at = i * COMPLETE_WORDS;
      const tag = words[at] as number;
      const result = words[at + 1] as number;
      const path = words[at + 2] as number;
      const settler = settlers[tag >>> TAG_BITS] as Settler;
      settler.settle(tag & TAG_MASK, result & 0xff, result >>> 16, path & 0xffff, (path >>> 16) & 0xff);
    }
    header[HEADER_COMPLETE_COUNT] = 0;
    this.#hasCompleted = true;
  }

  // ---- timers ----------------------------------------------------------------------------------------------------------

  #armTimer(): void {
    if (this.poisoned) return;
    const { core } = this;
    const at = core.header[HEADER_TIMERS_ARMED] === 0 ? 0 : core.exports.nextTimer();
    // where I/O waits it holds the process; the alarm of an idle device doesn't
    const isIdle = at !== 0 && !core.holdsBios();
    if (at === this.#timerAt && isIdle === this.#isTimerIdle) return;
    this.#timerAt = at;
    this.#isTimerIdle = isIdle;
    if (at === 0) this.#timer.clear();
    else this.#timer.set(at, isIdle);
  }

  // ---- the end ----------------------------------------------------------------------------------------------------------

  #poison(cause: unknown): void {
    const why = cause instanceof Error ? cause.message : String(cause);
    const error = new RqdmError('ERR_RQDM_CORE', `the core has failed, this mapper can do nothing more: ${why}`, { cause });
    this.poisoned = error;
    this.#timer.clear();
    for (const settler of this.#settlers) settler?.poison(error);
    this.#submissions.clear();
    // nothing drives any more: who waits for something to come true must hear of it here
    for (const look of this.#watchers) look();
  }

  /** Throws if the core has failed. */
  assertAlive(): void {
    if (this.poisoned) throw this.poisoned;
  }
}
