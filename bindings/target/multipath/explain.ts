// Why did it go there? The last decisions of a multipath map, with what the selector knew, and why each other path was
// not taken. Off by default: then it costs nothing. On, a decision is some numbers in arrays made at the
// switching on; nothing is allocated for an I/O.
//
//   explain            the last decisions and the paths as they are now, as lines
//   explain on [N]     keep the last N decisions, 1 … 65536 (default 64)
//   explain off
//   explain note DEVICE [WORD]    a word of the administrator's or a checker's about a path (marginal, say); none: forget it
//
// A decision is one record, a whole number or a figure in each place:
//
//   0      1           2        3       4                 5         6             6 + paths          … + paths * figures
//   | time | operation | sector | bytes | chosen path + 1 | outcome | why, a path | figures, a path |

import { RqdmError } from '../../errors.ts';
import { readUnsigned } from '../../table/arguments.ts';
import type { DeviceReference, ExplainedDecision, ExplainedPath, Explanation, TargetIo } from '../target.ts';
import type { MultipathMachine } from './machine.ts';
import type { MultipathPath } from './state.ts';

const DECISIONS_DEFAULT = 64;
const DECISIONS_MAX = 65536;
const FIXED = 6;

export const OUTCOME_SENT = 0;
export const OUTCOME_NO_PATH = 1;
export const OUTCOME_GROUP_NOT_READY = 2;
export const OUTCOME_PATH_NOT_READY = 3;
const OUTCOMES = ['sent', 'no path', 'waits for its group', 'waits for its path'] as const;

const WHY_CHOSEN = 0;
const WHY_FIGURES = 1;
const WHY_FAILED = 2;
const WHY_BYPASSED = 3;
const WHY_GROUP = 4;
const WHY_INITIALISING = 5;
const WHYS = ['chosen', 'usable', 'failed', 'group disabled', 'group not current', 'group initialising'] as const;

const OPERATIONS: Readonly<Record<number, string>> = { 0: 'read', 1: 'write', 2: 'flush', 3: 'discard', 9: 'write zeroes' };

export class Explainer {
  private readonly machine: MultipathMachine;
  private readonly records: Float64Array;
  private readonly stride: number;
  private readonly figuresMost: number;
  private readonly capacity: number;
  private head = 0;

  constructor(machine: MultipathMachine, capacity: number) {
    const { groups, paths } = machine.configuration;
    this.machine = machine;
    this.capacity = capacity;
    this.figuresMost = groups.reduce((most, { selector }) => Math.max(most, selector.figures?.length ?? 0), 0);
    this.stride = FIXED + paths.length * (1 + this.figuresMost);
    this.records = new Float64Array(this.stride * capacity);
  }

  /** A decision; call it before the choice is charged. */
  note(io: TargetIo, chosen: MultipathPath | undefined, outcome: number): void {
    const { records, machine } = this;
    const { paths } = machine.configuration;
    const at = (this.head % this.capacity) * this.stride;
    this.head += 1;
    records[at] = io.nowNs;
    records[at + 1] = io.operation;
    records[at + 2] = io.sector;
    records[at + 3] = io.bytes;
    records[at + 4] = chosen === undefined ? 0 : chosen.index + 1;
    records[at + 5] = outcome;
    let figureAt = at + FIXED + paths.length;
    for (let index = 0; index < paths.length; index++) {
      const path = paths[index];
      records[at + FIXED + index] = path === chosen ? WHY_CHOSEN : whyNot(machine, path);
      const { selector } = path.group;
      const figures = selector.figures?.length ?? 0;
      for (let which = 0; which < figures; which++) {
        records[figureAt + which] = selector.figure === undefined ? 0 : selector.figure(path.number, which);
      }
      figureAt += this.figuresMost;
    }
  }

  /** The decisions kept, the oldest first. */
  decisions(notes: ReadonlyMap<MultipathPath, string>): ExplainedDecision[] {
    const kept = Math.min(this.head, this.capacity);
    return Array.from({ length: kept }, (_, index) => this.decision((this.head - kept + index) % this.capacity, notes));
  }

  private decision(record: number, notes: ReadonlyMap<MultipathPath, string>): ExplainedDecision {
    const { paths } = this.machine.configuration;
    const at = record * this.stride;
    const chosen = paths[this.records[at + 4] - 1];
    return {
      timeNs: this.records[at],
      operation: OPERATIONS[this.records[at + 1]] ?? `operation ${this.records[at + 1]}`,
      sector: this.records[at + 2],
      bytes: this.records[at + 3],
      chosen: chosen?.device,
      group: chosen?.group.number,
      outcome: OUTCOMES[this.records[at + 5]],
      paths: paths.map((path, index) => {
        const figureAt = at + FIXED + paths.length + index * this.figuresMost;
        return {
          device: path.device,
          group: path.group.number,
          why: withNote(WHYS[this.records[at + FIXED + index]], notes.get(path)),
          figures: figuresOf(path, (which) => this.records[figureAt + which]),
        };
      }),
    };
  }
}

function whyNot(machine: MultipathMachine, path: MultipathPath): number {
  if (!path.isActive) return WHY_FAILED;
  const { group } = path;
  if (group !== machine.currentGroup) return group.isBypassed ? WHY_BYPASSED : WHY_GROUP;
  return machine.isQueueingForGroup && path.handler !== undefined ? WHY_INITIALISING : WHY_FIGURES;
}

function withNote(why: string, note: string | undefined): string {
  return note === undefined ? why : `${why} (${note})`;
}

function figuresOf(path: MultipathPath, value: (which: number) => number): Record<string, number> {
  const names = path.group.selector.figures ?? [];
  return Object.fromEntries(names.map((name, which) => [name, value(which)]));
}

/** The switch of `explain`, and what it answers. */
export class ExplainDesk {
  /** Undefined while it is off. */
  explainer: Explainer | undefined = undefined;
  private readonly machine: MultipathMachine;
  private readonly notes: Map<MultipathPath, string> = new Map();

  constructor(machine: MultipathMachine) {
    this.machine = machine;
  }

  /** Keeps the last `count` decisions from now on; 0: off. */
  keep(count: number): void {
    this.explainer = count === 0 ? undefined : new Explainer(this.machine, count);
  }

  explain(): Explanation {
    const { paths } = this.machine.configuration;
    return {
      isOn: this.explainer !== undefined,
      decisions: this.explainer?.decisions(this.notes) ?? [],
      paths: paths.map(
        (path): ExplainedPath => ({
          device: path.device,
          group: path.group.number,
          why: withNote(WHYS[whyNot(this.machine, path)], this.notes.get(path)),
          figures: figuresOf(path, (which) => path.group.selector.figure?.(path.number, which) ?? 0),
        }),
      ),
    };
  }

  /** The words behind `explain`. `pathsOf` finds the paths of a device, or throws. */
  message(words: readonly string[], pathsOf: (word: string) => readonly MultipathPath[]): string | undefined {
    const [verb, argument, note] = words;
    if (verb === undefined) return explanationLines(this.explain(), ({ number }) => number).join('\n');
    const count = verb === 'on' ? (argument === undefined ? DECISIONS_DEFAULT : (readUnsigned(argument) ?? 0)) : 0;
    if (verb === 'off' && words.length === 1) this.keep(0);
    else if (verb === 'on' && words.length <= 2 && count >= 1 && count <= DECISIONS_MAX) this.keep(count);
    else if (verb === 'note' && argument !== undefined && words.length <= 3) {
      for (const path of pathsOf(argument)) {
        if (note === undefined) this.notes.delete(path);
        else this.notes.set(path, note);
      }
    } else {
      throw new RqdmError(
        'ERR_RQDM_MESSAGE',
        `multipath: explain: expected nothing, "on [1 … ${DECISIONS_MAX}]", "off" or "note DEVICE [WORD]", got "${words.join(' ')}"`,
      );
    }
    return undefined;
  }
}

/** An explanation for people: a line for each decision and one for each path. */
export function explanationLines(explanation: Explanation, name: (device: DeviceReference) => string): string[] {
  const pathText = ({ device, why, figures }: ExplainedPath): string => {
    const values = Object.entries(figures).map(([key, value]) => `${key}=${Math.round(value)}`);
    return `${name(device)} ${[why, ...values].join(' ')}`;
  };
  const lines = explanation.decisions.map((decision) => {
    const to = decision.chosen === undefined ? '' : ` ${name(decision.chosen)} in group ${decision.group}`;
    const what = `${decision.operation} ${decision.sector}+${decision.bytes / 512}`;
    return `${(decision.timeNs / 1e9).toFixed(6)} ${what}: ${decision.outcome}${to}; ${decision.paths.map(pathText).join('; ')}`;
  });
  if (!explanation.isOn) lines.push('decisions are not kept: "explain on" keeps them');
  return [...lines, ...explanation.paths.map((path) => `now ${pathText(path)}`)];
}
