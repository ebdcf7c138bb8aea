// The core against the plain queue: what is dispatched, in which order, what each request is made of, how each bio ends
// and what the disk statistics say of it, exactly. The queue stands above one path: its own, that of a request-based
// device, or below a bio-based one.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { Chooser } from '../support/core-chooser.ts';
import { CoreDriver, type PathIo, type Settings } from '../support/core-driver.ts';
import { PlainQueue, type PlainSettings } from './plain-queue.ts';
import { type PlainRequest, piecesOf, sectorsOf, startOf } from './plain-request.ts';
import { type BioWords, batchesOf, flagsOf, SECTORS } from './world-bios.ts';

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 1000);

type Event =
  | { readonly bios: readonly BioWords[]; readonly isPlugged: boolean }
  | { readonly answers: number }
  | { readonly settings: Partial<PlainSettings> }
  | { readonly waitMs: number };

interface Case {
  readonly kind: 'backing' | 'request' | 'bio';
  readonly settings: PlainSettings;
  /** Cycled over the I/Os of a request-based device: sixteenths that are good before an error, 16: no error. */
  readonly faults: readonly number[];
  readonly events: readonly Event[];
}

const limits = {
  maxSectors: fc.constantFrom(2560, 2560, 48, 24, 8),
  maxSegments: fc.constantFrom(128, 128, 3, 1),
  chunkSectors: fc.constantFrom(0, 0, 32, 40),
  maxDiscardSectors: fc.constantFrom(2560, 2560, 0, 64, 20),
  maxWriteZeroesSectors: fc.constantFrom(2560, 0, 24),
};

const order = {
  nomerges: fc.constantFrom(0, 0, 0, 1, 2),
  hasFrontMerges: fc.nat(1),
  fifoBatch: fc.constantFrom(16, 1, 3),
  writesStarved: fc.nat(3),
  readExpireMs: fc.constantFrom(500, 3),
  writeExpireMs: fc.constantFrom(5000, 7),
  priorityAgingMs: fc.constantFrom(10_000, 4),
  asyncDepth: fc.constantFrom(0, 0, 0, 1, 2),
  elevator: fc.constantFrom(abi.ELEVATOR_MQ_DEADLINE, abi.ELEVATOR_MQ_DEADLINE, abi.ELEVATOR_NONE, abi.ELEVATOR_SCAN),
};

const change: fc.Arbitrary<Partial<PlainSettings>> = fc.oneof(
  fc.record({ ...limits, nomerges: order.nomerges, elevator: order.elevator }, { requiredKeys: [] }),
  fc.record({ ...order, requests: fc.constantFrom(256, 3, 6), depth: fc.integer({ min: 1, max: 4 }) }, { requiredKeys: [] }),
);

const cases: fc.Arbitrary<Case> = fc
  .record({
    kind: fc.constantFrom('backing' as const, 'request' as const, 'bio' as const),
    settings: fc.record({
      ...limits,
      ...order,
      depth: fc.constantFrom(1, 1, 2, 3),
      requests: fc.constantFrom(256, 256, 3, 6),
      logicalBlockSectors: fc.constantFrom(1, 1, 1, 8),
      physicalBlockSectors: fc.constantFrom(1, 1, 8, 16),
      maxDiscardSegments: fc.constantFrom(1, 1, 3, 64),
      discardGranularity: fc.constantFrom(1, 1, 16),
      discardAlignment: fc.constantFrom(0, 0, 4),
      hasCache: fc.nat(1),
      hasFua: fc.nat(1),
      isKernelPlugOrder: fc.nat(1),
    }),
    faults: fc.array(fc.constantFrom(16, 16, 16, 0, 8, 15), { minLength: 1, maxLength: 8 }),
    events: fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.record({ bios: batchesOf('all'), isPlugged: fc.boolean() }) },
        { weight: 6, arbitrary: fc.record({ answers: fc.integer({ min: 1, max: 8 }) }) },
        { weight: 2, arbitrary: fc.record({ settings: change }) },
        { weight: 1, arbitrary: fc.record({ waitMs: fc.constantFrom(1, 600, 5001) }) },
      ),
      { minLength: 1, maxLength: 16 },
    ),
  })
  .map((one) => {
    // When bios wait for a request they are tried again whenever the queue is looked at, and each refusal by a limit
    // leaves its mark: how often that is, is the core's own business.
    const all = [one.settings, ...one.events.map((event) => ('settings' in event ? event.settings : {}))];
    return all.some(isLimited) ? { ...one, settings: roomy(one.settings), events: one.events.map(roomyEvent) } : one;
  });

/** Whether a merge may be refused by a limit. */
function isLimited({ maxSectors = 2560, maxSegments = 128, chunkSectors = 0, ...rest }: Partial<PlainSettings>): boolean {
  const { maxDiscardSectors = 2560, maxDiscardSegments = 64 } = rest;
  const areDiscards = maxDiscardSectors < 2560 || (maxDiscardSegments > 1 && maxDiscardSegments < 64);
  return maxSectors < 2560 || maxSegments < 128 || chunkSectors > 0 || areDiscards || rest.maxWriteZeroesSectors === 24;
}

const roomy = <T extends Partial<PlainSettings>>(settings: T): T => ({ ...settings, requests: 1500, asyncDepth: 0 });
const roomyEvent = (event: Event): Event => ('settings' in event ? { settings: roomy(event.settings) } : event);

/** What a path takes that stands below the limits in question. */
const WIDE: Settings = { maxDiscardSectors: 2560, maxDiscardSegments: 64, maxWriteZeroesSectors: 2560 };

class Comparison {
  private readonly driver = new CoreDriver({}, 1 << 15);
  private readonly plain: PlainQueue;
  private readonly top: number;
  /** The device whose queue is compared. */
  private readonly queue: number;
  private readonly path: number;
  private readonly faults: readonly number[];
  private readonly kind: Case['kind'];
  /** `good`: sectors done before the error, if there is one. */
  private readonly away: { readonly request: PlainRequest; readonly io: PathIo; readonly good: number | undefined }[] = [];
  private faultsUsed = 0;
  private compared = 0;
  private ended = 0;

  constructor({ kind, settings, faults }: Case) {
    this.kind = kind;
    this.faults = faults;
    this.plain = new PlainQueue(settings);
    const own: Settings =
      kind === 'request' ? { depth: settings.depth, hasCache: settings.hasCache, ...WIDE } : { ...settings };
    this.path = this.driver.backing({ ...own, sizeSectors: SECTORS, script: () => ({ isHeld: true }) });
    const chooser = new Chooser([this.path], { attemptsMax: 1000 });
    if (kind === 'backing') this.top = this.path;
    else if (kind === 'bio') this.top = this.driver.bio({ extents: [{ device: this.path, length: SECTORS }], ...WIDE });
    else {
      const extents = [{ hooks: chooser, length: SECTORS }];
      this.top = this.driver.request({ ...settings, extents, paths: [this.path] });
    }
    this.queue = kind === 'request' ? this.top : this.path;
  }

  take(event: Event): void {
    this.driver.nowNs += 'waitMs' in event ? event.waitMs * 1e6 : 1_000_000;
    this.plain.nowNs = this.driver.nowNs;
    if ('bios' in event) this.submit(event.bios, event.isPlugged);
    else if ('answers' in event) this.answer(event.answers);
    else if ('settings' in event) this.change(event.settings);
    else this.go();
  }

  private submit(words: readonly BioWords[], isPlugged: boolean): void {
    // a bio-based device sends the flush that goes before a write itself, and nothing of what has no sectors
    const isBelow = this.kind === 'bio';
    const mask = isBelow ? ~abi.FLAG_PREFLUSH : -1;
    const bios = this.driver.enter(
      words.map((one) => {
        const [operation, sector, sectors, isAdjacent] = one;
        const length = Math.min(sectors || (isBelow ? 8 : 0), SECTORS - sector);
        return { device: this.top, operation, sector, sectors: length, isAdjacent, flags: flagsOf(one) & mask };
      }),
      isPlugged,
    );
    this.plain.submit(bios, isPlugged);
    this.go();
  }

  private change({ depth, ...settings }: Partial<PlainSettings>): void {
    this.driver.configure(this.queue, settings);
    if (depth !== undefined) this.driver.configure(this.path, { depth });
    this.plain.set({ ...settings, ...(depth === undefined ? {} : { depth }) });
    this.go();
  }

  /** The queue is looked at, whether something has happened to it or not: time has passed. */
  private go(): void {
    this.driver.kick(this.queue);
    this.compare(this.plain.run());
  }

  /** Some of the I/Os that are away are answered, in one go. */
  private answer(total: number): void {
    const answered = this.away.splice(0, total);
    for (const { io, good } of answered) {
      if (good === undefined) this.driver.answer(io, abi.STATUS_OK);
      else this.driver.answer(io, abi.STATUS_TRANSPORT, good);
      this.plain.answered();
    }
    this.driver.kick(this.queue);
    // A request-based device hears of the credits first, then of the verdicts of end_io.
    const early = this.kind === 'request' ? this.plain.run() : [];
    for (const { request, good } of answered) {
      if (good === undefined) this.plain.ended(request);
      else this.plain.requeue(request, good);
    }
    this.compare([...early, ...this.plain.run()]);
  }

  private compare(expected: readonly PlainRequest[]): void {
    const got = this.driver.issued.slice(this.compared);
    this.compared = this.driver.issued.length;
    const [went, should] = [got.map(printIo), expected.map(printRequest)];
    assert.equal(went, should, `went: ${went.join(', ')}; should have gone: ${should.join(', ')}`);
    for (const [i, request] of expected.entries()) {
      const sixteenths = this.kind === 'request' ? this.faults[this.faultsUsed++ % this.faults.length] : 16;
      const good = sixteenths === 16 ? undefined : Math.floor((got[i].sectors * sixteenths) / 16);
      this.away.push({ request, io: got[i], good });
    }
    const newly = this.driver.ended.slice(this.ended).sort((a, b) => a - b);
    this.ended = this.driver.ended.length;
    assert.equal(
      newly.map((tag) => `bio ${tag}: ${this.driver.bios[tag].status}`),
      [...this.plain.takeStatuses()].sort(([a], [b]) => a - b).map(([tag, status]) => `bio ${tag}: ${status}`),
    );
  }

  end(): void {
    for (let rounds = 0; this.away.length > 0; rounds++) {
      if (rounds > 500) this.away.splice(0, this.away.length, ...this.away.map((one) => ({ ...one, good: undefined })));
      this.take({ answers: 2 });
    }
    this.driver.assertIdle();
    const { statistics, flushes, elevator } = this.plain;
    const { read, write, discard } = elevator.merges;
    const said = (group: number): number[] =>
      [abi.DISK_IOS, abi.DISK_MERGES, abi.DISK_SECTORS].map((one) => this.driver.counter(this.queue, group + one));
    assert.equal(said(abi.COUNTER_DISK_READ), [statistics.read.ios, read, statistics.read.sectors], 'reads');
    assert.equal(said(abi.COUNTER_DISK_WRITE), [statistics.write.ios, write, statistics.write.sectors], 'writes');
    assert.equal(said(abi.COUNTER_DISK_DISCARD), [statistics.discard.ios, discard, statistics.discard.sectors], 'discards');
    assert.equal(said(abi.COUNTER_DISK_FLUSH), [flushes, 0, 0], 'flushes');
  }
}

const fua = (isFua: boolean): string => (isFua ? ' fua' : '');

const printIo = ({ operation, sector, sectors, pieces, ranges, flags }: PathIo): string => {
  if (operation === abi.OPERATION_FLUSH) return 'flush';
  const parts = operation === abi.OPERATION_DISCARD ? ranges : pieces;
  return `${operation} ${sector}+${sectors} ${JSON.stringify(parts)}${fua((flags & abi.FLAG_FUA) !== 0)}`;
};

const printRequest = (request: PlainRequest): string => {
  const { operation, bios, ranges, isFua } = request;
  if (operation === abi.OPERATION_FLUSH) return 'flush';
  const [start, sectors] = [startOf(request), sectorsOf(request)];
  const hasMemory = operation === abi.OPERATION_READ || operation === abi.OPERATION_WRITE;
  const covered = ranges > 1 ? bios.map((bio) => [bio.sector, bio.sectors]) : [[start, sectors]];
  const parts = operation === abi.OPERATION_DISCARD ? covered : hasMemory ? piecesOf(bios) : [];
  return `${operation} ${start}+${sectors} ${JSON.stringify(parts)}${fua(isFua)}`;
};

const test = suite('model: the core and the plain queue');

test('dispatch the same requests in the same order, and end the same bios', () => {
  fc.assert(
    fc.property(cases, (one) => {
      const comparison = new Comparison(one);
      for (const event of one.events) comparison.take(event);
      comparison.end();
    }),
    {
      numRuns: RUNS,
      includeErrorInReport: true,
      ...(process.env['RQDM_FUZZ_SEED'] ? { seed: Number(process.env['RQDM_FUZZ_SEED']) } : {}),
    },
  );
});

test.run();
