// The core's rings and nothing else: what is put in, what comes out. No data, no checks, no time of its own.

import * as abi from '../../assembly/abi.ts';
import { Core, type CoreCapacities } from '../../bindings/core/core.ts';

export interface RawBio {
  readonly device: number;
  readonly operation?: number;
  readonly flags?: number;
  readonly sector?: number;
  readonly sectors?: number;
}

export interface RawExtent {
  readonly hooks?: number;
  readonly offset?: number;
  readonly chunk?: number;
  readonly abilities?: number;
}

export interface RawIo {
  readonly id: number;
  readonly device: number;
  readonly operation: number;
  readonly flags: number;
  readonly sector: number;
  readonly sectors: number;
  /** Of a discard with several. */
  readonly ranges: readonly (readonly [sector: number, sectors: number])[];
}

/** What a prepMap hook is asked, and answers: a device, or a verdict of MAP_. */
export type RawChoice = (io: { readonly id: number; readonly operation: number; readonly sector: number }) => {
  readonly verdict: number;
  readonly device?: number;
};

const ROOMY: CoreCapacities = { devices: 8, bios: 1024, requests: 512, extents: 64, submits: 512, traceRecords: 0 };
export const BELOW_NONE = 0xffffffff;

export class RawCore {
  readonly core: Core;
  nowNs = 1_000_000;
  /** Status by tag; tags count from 0 in order of submission. */
  readonly ended: Map<number, number> = new Map();
  readonly issued: RawIo[] = [];
  wants = 0;
  /** What prep_map says. */
  choose: RawChoice | undefined;
  /** Verdicts of end_io, in order; END_DONE when there are no more. */
  readonly endings: number[] = [];
  private tags = 0;
  private devices = 0;
  private extents = 0;

  constructor(capacities: Partial<CoreCapacities> = {}) {
    this.core = new Core({ ...ROOMY, ...capacities });
  }

  /** A device of this kind with these settings, pairs of SETTING_ and value. */
  device(kind: number, settings: readonly (readonly [number, number])[] = [], sectors = 1 << 20): number {
    const id = this.devices++;
    this.core.exports.createDevice(id, kind, sectors);
    for (const [setting, value] of settings) this.configure(id, setting, value);
    return id;
  }

  backing(settings: readonly (readonly [number, number])[] = []): number {
    return this.device(abi.DEVICE_BACKING, settings);
  }

  configure(id: number, setting: number, value: number): void {
    if (!this.core.exports.configureDevice(id, setting, value)) throw new Error(`no setting ${setting}`);
  }

  /** One stretch over all of the device; `offset` as setExtent has it. */
  map(id: number, kind: number, lower: number, options: RawExtent = {}): void {
    const { exports } = this.core;
    const { hooks = 0, offset = 0, chunk = 0, abilities = abi.ABILITY_DISCARD | abi.ABILITY_WRITE_ZEROES } = options;
    const index = this.extents++;
    exports.setExtent(index, 0, 1 << 20, kind, hooks, lower, offset, 0, 1, chunk, abilities);
    exports.setExtents(id, index, 1, 1 << 20, 1);
    if (lower === BELOW_NONE) return;
    exports.setPath(id, 0, lower);
    exports.setPaths(id, 1);
  }

  /** Stripes for `map`'s offset: each a device and its first sector. */
  stripes(...stripes: readonly (readonly [device: number, offset: number])[]): number {
    const first = this.extents;
    for (const [device, offset] of stripes) {
      this.core.exports.setExtent(this.extents++, 0, 0, abi.EXTENT_DEVICE, 0, device, offset, 0, 1, 0, 0);
    }
    return first + stripes.length * 2 ** 32;
  }

  /** Submits as one plug, runs, returns the tag of the first. */
  submit(...bios: readonly RawBio[]): number {
    const { submitWords: words, submitDoubles: doubles, exports } = this.core;
    const first = this.tags;
    for (const [i, bio] of bios.entries()) {
      const at = (i * abi.SUBMIT_BYTES) / 4;
      doubles[(i * abi.SUBMIT_BYTES) / 8] = bio.sector ?? 0;
      words[at + abi.SUBMIT_SECTORS] = bio.sectors ?? 0;
      words[at + abi.SUBMIT_ADDRESS] = (bio.sector ?? 0) * 512;
      words[at + abi.SUBMIT_OPERATION] = (bio.operation ?? 0) | ((bio.flags ?? 0) << 8);
      words[at + abi.SUBMIT_DEVICE] = bio.device;
      words[at + abi.SUBMIT_TAG] = this.tags++;
    }
    this.core.clock[0] = this.nowNs;
    const taken = exports.submit(0, bios.length, 1);
    if (taken !== bios.length) throw new Error(`${taken} of ${bios.length} bios were taken`);
    this.run();
    return first;
  }

  /** Answers I/Os, the oldest that is not answered first; returns what they were. */
  answer(count = 1, status: number = abi.STATUS_OK, goodSectors?: number): RawIo[] {
    const answered = this.issued.splice(0, count);
    for (const io of answered) {
      this.core.answer(io.id, status, goodSectors ?? (status === abi.STATUS_OK ? io.sectors : 0));
    }
    this.run();
    return answered;
  }

  /** Answers until nothing is under way; returns all of it. */
  drain(): RawIo[] {
    const all: RawIo[] = [];
    while (this.issued.length > 0) all.push(...this.answer(this.issued.length));
    return all;
  }

  advance(ms: number): void {
    this.nowNs += ms * 1e6;
    this.run();
  }

  run(): void {
    const asks = abi.WANT_END_IO | abi.WANT_PREP_MAP | abi.WANT_RELEASE;
    while (true) {
      this.core.clock[0] = this.nowNs;
      const want = this.core.exports.run();
      this.wants |= want;
      if (want & abi.WANT_PREP_MAP) this.prepMap();
      if (want & abi.WANT_END_IO) this.endIo();
      this.take();
      if (!(want & asks)) return;
    }
  }

  private prepMap(): void {
    const { core } = this;
    const words = core.ringWords(abi.HEADER_PREP_MAP, 256, abi.DECISION_BYTES);
    const doubles = core.ringDoubles(abi.HEADER_PREP_MAP, 256, abi.DECISION_BYTES);
    for (let i = 0; i < core.header[abi.HEADER_PREP_MAP_COUNT]; i++) {
      const at = (i * abi.DECISION_BYTES) / 4;
      const sector = doubles[(i * abi.DECISION_BYTES) / 8];
      const operation = words[at + abi.DECISION_OPERATION] & 0xff;
      const said = this.choose?.({ id: words[at + abi.DECISION_ID], operation, sector });
      words[at + abi.DECISION_VERDICT] = said?.verdict ?? abi.MAP_KILL;
      words[at + abi.DECISION_DEVICE] = said?.device ?? 0;
    }
  }

  private endIo(): void {
    const { core } = this;
    const words = core.ringWords(abi.HEADER_END_IO, 256, abi.DECISION_BYTES);
    for (let i = 0; i < core.header[abi.HEADER_END_IO_COUNT]; i++) {
      words[(i * abi.DECISION_BYTES) / 4 + abi.DECISION_VERDICT] = this.endings.shift() ?? abi.END_DONE;
    }
  }

  private take(): void {
    const { core } = this;
    const words = core.ringWords(abi.HEADER_ISSUE, core.answerCapacity, abi.ISSUE_BYTES);
    const doubles = core.ringDoubles(abi.HEADER_ISSUE, core.answerCapacity, abi.ISSUE_BYTES);
    for (let i = 0; i < core.header[abi.HEADER_ISSUE_COUNT]; i++) {
      const at = (i * abi.ISSUE_BYTES) / 4;
      const word = words[at + abi.ISSUE_OPERATION];
      const operation = word & 0xff;
      const count = words[at + abi.ISSUE_SEGMENTS];
      const hasRanges = operation === abi.OPERATION_DISCARD && count > 1;
      this.issued.push({
        id: words[at + abi.ISSUE_ID],
        device: words[at + abi.ISSUE_DEVICE],
        operation,
        flags: word >>> 8,
        sector: doubles[(i * abi.ISSUE_BYTES) / 8],
        sectors: words[at + abi.ISSUE_SECTORS],
        ranges: hasRanges ? this.ranges(words[at + abi.ISSUE_SEGMENT], count) : [],
      });
    }
    core.header[abi.HEADER_ISSUE_COUNT] = 0;
    core.header[abi.HEADER_SEGMENT_COUNT] = 0;
    core.header[abi.HEADER_FILL_COUNT] = 0;
    const complete = core.ringWords(abi.HEADER_COMPLETE, core.capacities.bios, abi.COMPLETE_BYTES);
    for (let i = 0; i < core.header[abi.HEADER_COMPLETE_COUNT]; i++) {
      const tag = complete[i * 4 + abi.COMPLETE_TAG];
      if (this.ended.has(tag)) throw new Error(`bio ${tag} ended twice`);
      this.ended.set(tag, complete[i * 4 + abi.COMPLETE_STATUS] & 0xff);
    }
    core.header[abi.HEADER_COMPLETE_COUNT] = 0;
  }

  private ranges(first: number, count: number): [number, number][] {
    const words = this.core.ringWords(abi.HEADER_SEGMENT, 2 * this.core.capacities.bios, abi.SEGMENT_BYTES);
    const doubles = this.core.ringDoubles(abi.HEADER_SEGMENT, 2 * this.core.capacities.bios, abi.SEGMENT_BYTES);
    return Array.from({ length: count }, (_, i) => [doubles[first + 2 * i], words[2 * (first + 2 * i + 1)]]);
  }

  /** Throws unless every bio has ended and every record is back. */
  assertIdle(): void {
    const { header } = this.core;
    if (this.ended.size !== this.tags) throw new Error(`${this.tags - this.ended.size} bios have not ended`);
    const { devices, bios, requests } = this.core.capacities;
    const bioRecords = header[abi.HEADER_BIOS_FREE];
    const requestRecords = header[abi.HEADER_REQUESTS_FREE];
    if (bioRecords !== bios - 4 * devices) throw new Error(`${bioRecords} bio records are free`);
    if (requestRecords !== requests - 4 * devices) throw new Error(`${requestRecords} request records are free`);
    for (let id = 0; id < this.devices; id++) {
      const figures = this.core.figures(id);
      for (const figure of [
        abi.FIGURE_IN_FLIGHT,
        abi.FIGURE_BIOS,
        abi.FIGURE_REQUESTS,
        abi.FIGURE_QUEUED,
        abi.FIGURE_DISK_IN_FLIGHT,
      ]) {
        if (figures[figure] !== 0) throw new Error(`figure ${figure} of device ${id} is ${figures[figure]}`);
      }
    }
  }
}
