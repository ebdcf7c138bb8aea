// A core on virtual time, with paths that follow a script and hooks in TypeScript: the host's half of the contract in
// its plainest form. It carries data (core-data.ts), and it holds the core to what it promises: limits of what is issued,
// every bio ended once, nothing left at the end.

import * as abi from '../../assembly/abi.ts';
import { Core, type CoreCapacities, type TraceEvent } from '../../bindings/core/core.ts';
import { ArenaModel, check, Medium, Space } from './core-data.ts';
import type { BackingOptions, BioOptions, DrivenBio, Hooks, MappedOptions, PathIo, Settings } from './core-io.ts';
import { DecisionView, printEvent, SETTINGS, say } from './core-io.ts';
import { checkIssued, moveData, readIssued, writeExtent } from './core-record.ts';

export { check, Medium, Space } from './core-data.ts';
export type * from './core-io.ts';

interface Known {
  readonly kind: number;
  level: number;
  sizeSectors: number;
  settings: Settings;
  space: Space;
  isEmpty: boolean;
}

interface Backing {
  readonly options: BackingOptions;
  readonly medium: Medium;
  issued: number;
  inFlight: number;
}

interface Event {
  readonly atNs: number;
  readonly order: number;
  readonly happen: () => void;
}

const MS = 1_000_000;
const ROUNDS_MAX = 20_000;
/** Capacities that no test comes near, but those that mean to. */
const ROOMY: CoreCapacities = { devices: 16, bios: 4096, requests: 2048, extents: 64, submits: 1024, traceRecords: 0 };
const DECISION_RINGS = [
  abi.HEADER_RELEASE,
  abi.HEADER_END_IO_FIRST,
  abi.HEADER_END_IO,
  abi.HEADER_PREP_MAP,
  abi.HEADER_MAP,
  abi.HEADER_TOLD,
] as const;

export class CoreDriver {
  readonly core: Core;
  nowNs: number = MS;
  readonly bios: DrivenBio[] = [];
  /** Tags in the order in which they ended. */
  readonly ended: number[] = [];
  /** Everything that paths were given, in order. */
  readonly issued: PathIo[] = [];
  /** Called for each bio that has ended. */
  onEnded: ((bio: DrivenBio) => void) | undefined;
  /** Answers that the core is to find stale. */
  staleExpected = 0;
  readonly arena: ArenaModel;
  private readonly views: ReadonlyMap<number, DecisionView>;
  private readonly targets: Hooks[] = [];
  private readonly devices: Known[] = [];
  private readonly backings: Map<number, Backing> = new Map();
  private readonly backlog: Map<number, DrivenBio[]> = new Map();
  private readonly events: Event[] = [];
  private ticks = 0;
  private orders = 0;
  private extentsUsed = 0;
  private freeBios = 0;
  private freeRequests = 0;
  private traceRead = 0;
  private readonly traced: TraceEvent[] = [];

  constructor(capacities: Partial<CoreCapacities> = {}, arenaSectors: number = 1 << 17) {
    this.core = new Core({ ...ROOMY, ...capacities });
    this.arena = new ArenaModel(arenaSectors);
    this.views = new Map(
      DECISION_RINGS.map((ring) => {
        const words = this.core.ringWords(ring, 512, abi.DECISION_BYTES);
        return [ring, new DecisionView(words, this.core.ringDoubles(ring, 512, abi.DECISION_BYTES), this)];
      }),
    );
  }

  // ---- devices --------------------------------------------------------------------------------------------------

  backing(options: BackingOptions = {}): number {
    const sizeSectors = options.sizeSectors ?? 4096;
    // one that answers inside the core holds nothing: all of it reads zeros
    const id = this.create(abi.DEVICE_BACKING, sizeSectors, 0, { isFilling: options.isInstant, ...options });
    if (options.isInstant) this.emptyOut(id);
    this.backings.set(id, { options, medium: options.medium ?? new Medium(sizeSectors), issued: 0, inFlight: 0 });
    return id;
  }

  request(options: MappedOptions): number {
    return this.mapped(abi.DEVICE_REQUEST, options);
  }

  bio(options: MappedOptions): number {
    return this.mapped(abi.DEVICE_BIO, { hasCache: 1, ...options });
  }

  private emptyOut(id: number): void {
    Object.assign(this.devices[id], { isEmpty: true, space: new Space(() => true) });
  }

  private mapped(kind: number, options: MappedOptions): number {
    const id = this.create(kind, 0, 1, options);
    this.setTable(id, options);
    return id;
  }

  private create(kind: number, sizeSectors: number, level: number, settings: Settings): number {
    const id = this.devices.length;
    this.core.exports.createDevice(id, kind, sizeSectors);
    this.devices.push({ kind, level, sizeSectors, settings, space: new Space(), isEmpty: false });
    this.configure(id, settings);
    this.freeBios = this.core.header[abi.HEADER_BIOS_FREE];
    this.freeRequests = this.core.header[abi.HEADER_REQUESTS_FREE];
    return id;
  }

  configure(id: number, settings: Settings): void {
    const device = this.devices[id];
    device.settings = { ...device.settings, ...settings };
    for (const [name, setting] of Object.entries(SETTINGS)) {
      const value = settings[name as keyof Settings];
      if (value === undefined) continue;
      check(this.core.exports.configureDevice(id, setting, value) !== 0, () => `${name} cannot be set now`);
    }
  }

  /** Gives the device another table, and the usable set with it. */
  setTable(id: number, { extents, paths, sizeSectors }: MappedOptions): void {
    const { exports } = this.core;
    const below = extents.flatMap(({ device, stripes }) => [device, ...(stripes ?? []).map(([one]) => one)]).concat(paths);
    for (const one of below) if (one !== undefined && this.devices[one].isEmpty) this.emptyOut(id);
    const level = Math.max(0, ...below.map((one) => (one === undefined ? 0 : this.devices[one].level)));
    const stripesAt = extents.map((extent) => this.addStripes(extent.stripes ?? []));
    const first = this.extentsUsed;
    let start = 0;
    for (const [i, extent] of extents.entries()) {
      const lower = extent.device ?? paths?.[0];
      const length = extent.length ?? sizeSectors ?? this.devices[lower as number].sizeSectors;
      this.targets.push(extent.hooks ?? {});
      const target = this.targets.length - 1;
      const offset = stripesAt[i] ?? extent.offset ?? 0;
      writeExtent(this.core, this.extentsUsed++, { ...extent, offset }, start, length, target);
      start += length;
    }
    exports.setExtents(id, first, extents.length, start, level + 1);
    Object.assign(this.devices[id], { level: level + 1, sizeSectors: start });
    const own = extents.flatMap(({ device, kind }) => (kind === undefined && device !== undefined ? [device] : []));
    this.setPaths(id, paths ?? [...new Set(own)]);
  }

  /** What names them in the striped extent; undefined without any. */
  private addStripes(stripes: readonly (readonly [device: number, offset: number])[]): number | undefined {
    const first = this.extentsUsed;
    for (const [device, offset] of stripes) writeExtent(this.core, this.extentsUsed++, { device, offset }, 0, 0, 0);
    return stripes.length > 0 ? first + stripes.length * 2 ** 32 : undefined;
  }

  setPaths(id: number, paths: readonly number[]): void {
    for (const [index, path] of paths.entries()) this.core.exports.setPath(id, index, path);
    this.core.exports.setPaths(id, paths.length);
  }

  kindOf(id: number): number {
    return this.devices[id].kind;
  }

  spaceOf(id: number): Space {
    return this.devices[id].space;
  }

  /** What reads of these devices see is the same. */
  shareSpace(space: Space, ...ids: number[]): void {
    for (const id of ids) this.devices[id].space = space;
  }

  setState(id: number, state: number, isNoflush: boolean = false): void {
    this.core.exports.setState(this.nowNs, id, state, isNoflush ? 1 : 0);
    this.settle();
  }

  kick(id: number): void {
    this.core.exports.kick(this.nowNs, id);
    this.settle();
  }

  /** What a target kept goes to another place after all. */
  remap(id: number, lower: number, sector: number): boolean {
    const isKept = this.core.exports.remap(this.nowNs, id, lower, sector) !== 0;
    this.settle();
    return isKept;
  }

  finish(id: number, status: number): boolean {
    const isKept = this.core.exports.finish(this.nowNs, id, status) !== 0;
    this.settle();
    return isKept;
  }

  figure(id: number, figure: number): number {
    return this.core.figures(id)[figure];
  }

  counter(id: number, counter: number): number {
    return this.core.counters(id)[counter];
  }

  // ---- bios -----------------------------------------------------------------------------------------------------

  /** One submit call, then everything that follows from it now. */
  submit(bios: readonly BioOptions[], isPlugged: boolean = true): DrivenBio[] {
    const added = this.enter(bios, isPlugged);
    this.settle();
    return added;
  }

  /** One submit call, without running the core afterwards. */
  enter(bios: readonly BioOptions[], isPlugged: boolean = true): DrivenBio[] {
    const added = bios.map((options) => this.newBio(options));
    let rest = added.filter((bio) => !this.backlog.get(bio.device)?.push(bio));
    while (rest.length > 0) {
      const taken = this.offer(rest, isPlugged);
      if (taken === rest.length) break;
      // a device without a record to spare: its bios wait, those of others go on
      const { device } = rest[taken];
      const left = rest.slice(taken);
      this.backlog.set(
        device,
        left.filter((bio) => bio.device === device),
      );
      rest = left.filter((bio) => bio.device !== device);
    }
    return added;
  }

  private newBio({ device, flags = 0, isAdjacent = false, ...options }: BioOptions): DrivenBio {
    const { operation = abi.OPERATION_READ, sector = 0 } = options;
    const sectors = operation === abi.OPERATION_FLUSH ? 0 : (options.sectors ?? 8);
    const tag = this.bios.length;
    const hasMemory = operation === abi.OPERATION_READ || operation === abi.OPERATION_WRITE;
    const at = this.arena.lease(hasMemory ? sectors : 0, isAdjacent, tag);
    const space = options.space ?? this.devices[device].space;
    const beganAt = ++this.ticks;
    const isWrite = (operation & abi.OPERATION_WRITE) !== 0;
    const memory = hasMemory ? this.arena.sectors : undefined;
    const write = isWrite ? space.begin(memory, at, sector, sectors, beganAt) : undefined;
    const fate = { status: undefined, attempts: 0, firstStatus: 0, lastPath: 0xffff, endedAtNs: 0 };
    const bio: DrivenBio = {
      tag,
      device,
      operation,
      sector,
      sectors,
      flags: flags | abi.FLAG_CLEAR,
      at,
      space,
      beganAt,
      write,
      ...fate,
    };
    this.bios.push(bio);
    return bio;
  }

  private offer(bios: readonly DrivenBio[], isPlugged: boolean): number {
    const { submitWords, submitDoubles, submitCapacity } = this.core;
    check(bios.length <= submitCapacity, () => 'more bios in one call than the ring has room for');
    for (const [i, bio] of bios.entries()) {
      submitDoubles[i * 4] = bio.sector;
      submitWords[i * 8 + abi.SUBMIT_SECTORS] = bio.sectors;
      submitWords[i * 8 + abi.SUBMIT_ADDRESS] = bio.at * 512;
      submitWords[i * 8 + abi.SUBMIT_OPERATION] = bio.operation | (bio.flags << 8);
      submitWords[i * 8 + abi.SUBMIT_DEVICE] = bio.device;
      submitWords[i * 8 + abi.SUBMIT_TAG] = bio.tag;
    }
    this.core.clock[0] = this.nowNs;
    return this.core.exports.submit(0, bios.length, isPlugged ? 1 : 0);
  }

  /** Offers again what found no record. True: some went. */
  private feed(): boolean {
    let hasFed = false;
    for (const [device, waiting] of this.backlog) {
      const taken = this.offer(waiting, true);
      if (taken > 0) hasFed = true;
      waiting.splice(0, taken);
      if (waiting.length === 0) this.backlog.delete(device);
    }
    return hasFed;
  }

  // ---- the loop ---------------------------------------------------------------------------------------------------

  /** Runs the core until it wants nothing more now. */
  settle(): void {
    for (let rounds = 0; ; rounds++) {
      check(rounds < ROUNDS_MAX, () => 'the core does not settle');
      this.core.clock[0] = this.nowNs;
      const want = this.core.exports.run();
      if (want !== 0) this.serve(want);
      else if (this.backlog.size === 0 || !this.feed()) return;
    }
  }

  private serve(want: number): void {
    if (want & abi.WANT_RELEASE) this.decide(abi.HEADER_RELEASE, (hooks, io) => hooks.release?.(io));
    if (want & abi.WANT_TOLD) {
      this.decide(abi.HEADER_TOLD, (hooks, io) => {
        const said = hooks.endIo?.(io);
        check(said === abi.END_DONE, () => `${said} of an end that is only told`);
      });
    }
    if (want & abi.WANT_END_IO_FIRST) {
      this.decide(abi.HEADER_END_IO_FIRST, (hooks, io) => io.setWord(abi.DECISION_STATUS, hooks.endIoFirst?.(io) as number));
    }
    if (want & abi.WANT_END_IO) this.decide(abi.HEADER_END_IO, (hooks, io) => say(io, hooks.endIo?.(io)));
    if (want & abi.WANT_PREP_MAP) this.decide(abi.HEADER_PREP_MAP, (hooks, io) => say(io, hooks.prepMap?.(io)));
    if (want & abi.WANT_MAP) this.decide(abi.HEADER_MAP, (hooks, io) => say(io, hooks.map?.(io)));
    if (want & abi.WANT_ISSUE) this.issue();
    if (want & abi.WANT_FILL) this.fill();
    if (want & abi.WANT_COMPLETE) this.complete();
  }

  private decide(ring: number, ask: (hooks: Hooks, io: DecisionView) => void): void {
    const view = this.views.get(ring) as DecisionView;
    const total = this.core.header[ring + 1];
    for (view.at = 0; view.at < total; view.at++) ask(this.targets[view.word(abi.DECISION_TARGET)], view);
  }

  private fill(): void {
    const { header } = this.core;
    const words = this.core.ringWords(abi.HEADER_FILL, header[abi.HEADER_FILL_COUNT], abi.FILL_BYTES);
    for (let i = 0; i < words.length; i += 2) {
      for (let at = words[i] / 512; at < (words[i] + words[i + 1]) / 512; at++) {
        this.arena.ownerOf(at);
        this.arena.sectors[at] = 0;
      }
    }
    header[abi.HEADER_FILL_COUNT] = 0;
  }

  private complete(): void {
    const { header, capacities } = this.core;
    const total = header[abi.HEADER_COMPLETE_COUNT];
    const words = this.core.ringWords(abi.HEADER_COMPLETE, capacities.bios, abi.COMPLETE_BYTES);
    for (let i = 0; i < total; i++) {
      const at = (i * abi.COMPLETE_BYTES) / 4;
      const bio = this.bios[words[at + abi.COMPLETE_TAG]];
      check(bio !== undefined && bio.status === undefined, () => `bio ${words[at]} has ended twice`);
      bio.status = words[at + abi.COMPLETE_STATUS] & 0xff;
      bio.attempts = words[at + abi.COMPLETE_STATUS] >>> 16;
      bio.lastPath = words[at + abi.COMPLETE_PATH] & 0xffff;
      bio.firstStatus = words[at + abi.COMPLETE_PATH] >>> 16;
      bio.endedAtNs = this.nowNs;
      this.ended.push(bio.tag);
      this.checkData(bio);
      this.onEnded?.(bio);
    }
    header[abi.HEADER_COMPLETE_COUNT] = 0;
  }

  private checkData(bio: DrivenBio): void {
    const isGood = bio.status === abi.STATUS_OK;
    if (bio.write) {
      bio.write.endedAt = ++this.ticks;
      bio.write.isGood = isGood;
    } else if (isGood) {
      bio.space.verify(this.arena.sectors, bio.at, bio.sector, bio.sectors, bio.beganAt, `bio ${bio.tag}`);
    }
    if (bio.operation === abi.OPERATION_READ || bio.operation === abi.OPERATION_WRITE) this.arena.release(bio.at, bio.sectors);
  }

  // ---- paths ----------------------------------------------------------------------------------------------------

  private issue(): void {
    const { header } = this.core;
    for (let i = 0; i < header[abi.HEADER_ISSUE_COUNT]; i++) this.begin(readIssued(this.core, this.arena, i, this.nowNs));
    header[abi.HEADER_ISSUE_COUNT] = 0;
    header[abi.HEADER_SEGMENT_COUNT] = 0;
  }

  private begin(given: PathIo): void {
    const backing = this.backings.get(given.device) as Backing;
    const { settings, sizeSectors } = this.devices[given.device];
    const io = { ...given, ordinal: backing.issued++, changes: backing.medium.now };
    checkIssued(io, settings, sizeSectors, backing.inFlight);
    backing.inFlight++;
    this.issued.push(io);
    const { afterNs, status, goodSectors, isHeld } = backing.options.script?.(io) ?? {};
    if (isHeld) return;
    this.after(afterNs ?? backing.options.serviceNs?.(io) ?? MS, () => this.answer(io, status, goodSectors));
  }

  /** The path answers: the data of the good sectors moves, then the core hears of it. Follow it with `settle`. */
  answer(io: PathIo, status: number = abi.STATUS_OK, goodSectors: number = status === abi.STATUS_OK ? io.sectors : 0): void {
    const backing = this.backings.get(io.device) as Backing;
    backing.inFlight--;
    if (io.operation !== abi.OPERATION_FLUSH) moveData(io, goodSectors, backing.medium, this.arena);
    else if (status === abi.STATUS_OK) backing.medium.flushed(io.changes);
    check(this.core.answer(io.id, status, goodSectors), () => 'the answer ring is full');
  }

  /** A script's event, `afterNs` from now. */
  after(afterNs: number, happen: () => void): void {
    this.events.push({ atNs: this.nowNs + afterNs, order: this.orders++, happen });
    this.events.sort((a, b) => a.atNs - b.atNs || a.order - b.order);
  }

  // ---- time -----------------------------------------------------------------------------------------------------

  /** Goes on to the next time at which something happens, and lets it happen. False: nothing ever will. */
  step(): boolean {
    const timer = this.core.exports.nextTimer();
    const next = Math.min(this.events[0]?.atNs ?? Number.POSITIVE_INFINITY, timer || Number.POSITIVE_INFINITY);
    if (next === Number.POSITIVE_INFINITY) return false;
    this.nowNs = Math.max(this.nowNs, next);
    while (this.events.length > 0 && this.events[0].atNs <= this.nowNs) (this.events.shift() as Event).happen();
    this.settle();
    return true;
  }

  /** Until nothing happens any more. */
  drain(): void {
    this.settle();
    for (let steps = 0; this.step(); steps++) check(steps < ROUNDS_MAX, () => 'this goes on for ever');
  }

  /** What the trace has of a device since the last call: `D R 0+8`, `U 4`; with only some of the letters if given. */
  trace(device: number, letters?: string): string[] {
    return this.traceEvents(device, letters).map(printEvent);
  }

  traceEvents(device: number, letters?: string): TraceEvent[] {
    const events = this.traced.splice(0);
    this.traced.push(...events.filter((event) => event.device !== device));
    const { events: more, next, lost } = this.core.readTrace(this.traceRead);
    check(lost === 0, () => 'the trace ring was too small');
    this.traceRead = next;
    this.traced.push(...more.filter((event) => event.device !== device));
    const own = [...events, ...more].filter((event) => event.device === device);
    return own.filter((event) => letters?.includes(event.action) ?? true);
  }

  /** Drains, and then holds the core to its word: all has ended, all is given back. */
  assertIdle(): void {
    this.drain();
    for (const bio of this.bios) {
      check(
        bio.status !== undefined,
        () => `bio ${bio.tag} (${bio.sectors} at ${bio.sector} of device ${bio.device}) never ended`,
      );
    }
    const { header } = this.core;
    const figures = { IN_FLIGHT: 2, PATH_IN_FLIGHT: 3, BIOS: 4, REQUESTS: 5, QUEUED: 6, WAITING: 7, DELAYED: 8 };
    for (const id of this.devices.keys()) {
      for (const [name, word] of Object.entries(figures)) {
        check(this.figure(id, word) === 0, () => `device ${id}: figure ${name} is ${this.figure(id, word)} at the end`);
      }
      const [came, went] = [this.counter(id, abi.COUNTER_BIOS), this.counter(id, abi.COUNTER_BIOS_ENDED)];
      check(came === went, () => `device ${id}: ${came} bios came, ${went} ended`);
    }
    check(header[abi.HEADER_BIOS_FREE] === this.freeBios, () => 'bio records are missing');
    check(header[abi.HEADER_REQUESTS_FREE] === this.freeRequests, () => 'request records are missing');
    check(header[abi.HEADER_STALE_ANSWERS] === this.staleExpected, () => `${header[abi.HEADER_STALE_ANSWERS]} stale answers`);
    for (const word of DECISION_RINGS) check(header[word + 1] === 0, () => 'a decision is open');
    check(this.core.exports.nextTimer() === 0, () => 'a timer is armed');
  }
}
