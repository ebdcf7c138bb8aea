// The core against the plain queue: what is dispatched, in which order, and what each request is made of, exactly.
// The queue stands above one path: its own, that of a request-based device, or below a bio-based one.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG_NOMERGE, OPERATION_FLUSH, STATUS_OK, STATUS_TRANSPORT } from '../../assembly/abi.ts';
import { Chooser } from '../support/core-chooser.ts';
import { CoreDriver, type DrivenBio, type PathIo, type Settings } from '../support/core-driver.ts';
import { PlainQueue, type PlainRequest, type PlainSettings, piecesOf, sectorsOf, startOf } from './plain-queue.ts';
import { type BioWords, batches, SECTORS } from './world.ts';

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 1500);

type Event = { readonly bios: readonly BioWords[]; readonly isPlugged: boolean } | { readonly answers: number };

interface Case {
  readonly kind: 'backing' | 'request' | 'bio';
  readonly settings: PlainSettings;
  /** Cycled over the I/Os of a request-based device: sixteenths that are good before an error, 16: no error. */
  readonly faults: readonly number[];
  readonly events: readonly Event[];
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    kind: fc.constantFrom('backing' as const, 'request' as const, 'bio' as const),
    settings: fc.record({
      elevator: fc.nat(1),
      depth: fc.constantFrom(1, 1, 2, 3),
      requests: fc.constantFrom(256, 256, 3, 6),
      maxSectors: fc.constantFrom(2560, 2560, 48, 24, 8),
      maxSegments: fc.constantFrom(128, 128, 3, 1),
      chunkSectors: fc.constantFrom(0, 0, 32, 40),
      nomerges: fc.constantFrom(0, 0, 0, 1, 2),
      hasCache: fc.nat(1),
      hasFrontMerges: fc.nat(1),
      isKernelPlugOrder: fc.nat(1),
      fifoBatch: fc.constantFrom(16, 1, 3),
      writesStarved: fc.nat(3),
      readExpireMs: fc.constantFrom(500, 3),
      writeExpireMs: fc.constantFrom(5000, 7),
    }),
    faults: fc.array(fc.constantFrom(16, 16, 16, 0, 8, 15), { minLength: 1, maxLength: 8 }),
    events: fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.record({ bios: batches, isPlugged: fc.boolean() }) },
        { weight: 2, arbitrary: fc.record({ answers: fc.integer({ min: 1, max: 8 }) }) },
      ),
      { minLength: 1, maxLength: 16 },
    ),
  })
  .map((one) => {
    // When bios wait for a request they are tried again whenever the queue is looked at, and each refusal by a limit
    // leaves its mark: how often that is, is the core's own business.
    const isLimited = one.settings.maxSectors < 2560 || one.settings.maxSegments < 128 || one.settings.chunkSectors > 0;
    return isLimited ? { ...one, settings: { ...one.settings, requests: 256 } } : one;
  });

class Comparison {
  private readonly driver = new CoreDriver({}, 1 << 15);
  private readonly plain: PlainQueue;
  private readonly top: number;
  private readonly faults: readonly number[];
  private readonly kind: Case['kind'];
  private readonly away: { readonly request: PlainRequest; readonly io: PathIo; readonly good: number }[] = [];
  private faultsUsed = 0;
  private compared = 0;

  constructor({ kind, settings, faults }: Case) {
    this.kind = kind;
    this.faults = faults;
    this.plain = new PlainQueue(settings);
    const path: Settings = kind === 'request' ? { depth: settings.depth, hasCache: settings.hasCache } : settings;
    const backing = this.driver.backing({ ...path, sizeSectors: SECTORS, script: () => ({ isHeld: true }) });
    const chooser = new Chooser([backing], { attemptsMax: 1000 });
    if (kind === 'backing') this.top = backing;
    else if (kind === 'bio') this.top = this.driver.bio({ extents: [{ device: backing, length: SECTORS }] });
    else this.top = this.driver.request({ ...settings, extents: [{ hooks: chooser, length: SECTORS }], paths: [backing] });
  }

  take(event: Event): void {
    this.driver.nowNs += 1_000_000;
    this.plain.nowNs = this.driver.nowNs;
    if ('bios' in event) this.submit(event.bios, event.isPlugged);
    else this.answer(event.answers);
  }

  private submit(words: readonly BioWords[], isPlugged: boolean): void {
    const bios = this.driver.submit(
      words.map(([operation, sector, sectors, isAdjacent, isNomerge]) => ({
        device: this.top,
        operation,
        sector,
        sectors: Math.min(sectors, SECTORS - sector),
        isAdjacent,
        flags: isNomerge ? FLAG_NOMERGE : 0,
      })),
      isPlugged,
    );
    this.plain.submit(bios.map(plainBio), isPlugged);
    this.compare(this.plain.run());
  }

  /** Some of the I/Os that are away are answered, in one go. */
  private answer(total: number): void {
    const answered = this.away.splice(0, total);
    for (const { io, good } of answered) {
      if (good < io.sectors) this.driver.answer(io, STATUS_TRANSPORT, good);
      else this.driver.answer(io, STATUS_OK);
      this.plain.answered();
    }
    this.driver.settle();
    // A request-based device hears of the credits first, then of the verdicts of end_io.
    const early = this.kind === 'request' ? this.plain.run() : [];
    for (const { request, io, good } of answered) {
      if (good < io.sectors) this.plain.requeue(request, good);
      else this.plain.ended();
    }
    this.compare([...early, ...this.plain.run()]);
  }

  private compare(expected: readonly PlainRequest[]): void {
    const got = this.driver.issued.slice(this.compared);
    this.compared = this.driver.issued.length;
    assert.equal(got.map(printIo), expected.map(printRequest));
    for (const [i, request] of expected.entries()) {
      const sixteenths = this.kind === 'request' ? this.faults[this.faultsUsed++ % this.faults.length] : 16;
      this.away.push({ request, io: got[i], good: Math.floor((got[i].sectors * sixteenths) / 16) });
    }
  }

  end(): void {
    for (let rounds = 0; this.away.length > 0; rounds++) {
      if (rounds > 500) this.away.splice(0, this.away.length, ...this.away.map((one) => ({ ...one, good: one.io.sectors })));
      this.take({ answers: 2 });
    }
    this.driver.assertIdle();
  }
}

const plainBio = ({ tag, operation, sector, sectors, at, flags }: DrivenBio) => ({
  tag,
  operation,
  sector,
  sectors,
  at,
  isNomerge: (flags & FLAG_NOMERGE) !== 0,
});

const printIo = ({ operation, sector, sectors, pieces }: PathIo): string =>
  operation === OPERATION_FLUSH ? 'flush' : `${operation} ${sector}+${sectors} ${JSON.stringify(pieces)}`;

const printRequest = (request: PlainRequest): string =>
  request.operation === OPERATION_FLUSH
    ? 'flush'
    : `${request.operation} ${startOf(request)}+${sectorsOf(request)} ${JSON.stringify(piecesOf(request.bios))}`;

const test = suite('model: the core and the plain queue');

test('dispatch the same requests in the same order', () => {
  fc.assert(
    fc.property(cases, (one) => {
      const comparison = new Comparison(one);
      for (const event of one.events) comparison.take(event);
      comparison.end();
    }),
    { numRuns: RUNS, includeErrorInReport: true },
  );
});

test.run();
