// `…?tear=SEED[/N]`: a path whose power goes while it writes: of a write only the front lands, and the write fails.
//
//   SEED = 0 … 4294967295
//   /N   = every Nth write (the Nth, 2Nth …); without it: every one
//
//   disk.img?tear=7/100      every hundredth write is torn: does a retry repair it, does a reader ever see half of it?
//
// Torn are WRITE and WRITE_ZEROES. Of its blocks (the path's logical ones) a random number lands, from none to all but
// the last. The write then ends with an I/O or a transport error. What it reports as good is what has landed, or, as a
// device does whose last words were lost, less: both have the same chance. Nothing behind the front is touched.

import { OPERATION_WRITE, OPERATION_WRITE_ZEROES, STATUS_IOERR, STATUS_OK, STATUS_TRANSPORT } from '../../../assembly/abi.ts';
import { OPERATION_MASK } from '../operation.ts';
import type { PathSink } from '../path.ts';
import { type OpenInner, WrapperPath } from '../wrapper-path.ts';
import { SeededRandom } from './random.ts';
import type { TearRule } from './tear-rule.ts';

interface TornWrite {
  readonly status: number;
  /** At most what lands. */
  readonly reportedSectors: number;
}

export class TearPath extends WrapperPath {
  readonly #every: number;
  readonly #random: SeededRandom;
  #writes = 0;
  readonly #torn = new Map<number, TornWrite>();

  constructor(openInner: OpenInner, sink: PathSink, rule: TearRule) {
    super(openInner, sink);
    this.#every = rule.every;
    this.#random = new SeededRandom(rule.seed);
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
    if (!isTearable(operation) || ++this.#writes % this.#every !== 0) {
      this.inner.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
      return;
    }
    const random = this.#random;
    const blockSectors = this.limits.logicalBlockSectors;
    const landedBlocks = random.below(Math.ceil(bytes / 512 / blockSectors));
    const status = random.below(2) === 0 ? STATUS_IOERR : STATUS_TRANSPORT;
    const isFullyReported = random.below(2) === 0;
    const reportedBlocks = isFullyReported ? landedBlocks : random.below(landedBlocks + 1);
    if (landedBlocks === 0) {
      this.sink.answer(id, status, 0);
      return;
    }
    this.#torn.set(id, { status, reportedSectors: reportedBlocks * blockSectors });
    // Paths leave segments beyond `bytes` alone.
    const landedBytes = landedBlocks * blockSectors * 512;
    this.inner.issue(id, operation, position, landedBytes, address, segments, segmentTable, segmentIndex);
  }

  /** From the inner path. */
  override answer(id: number, status: number, goodSectors: number): void {
    const torn = this.#torn.size === 0 ? undefined : this.#torn.get(id);
    if (torn === undefined) {
      this.sink.answer(id, status, goodSectors);
      return;
    }
    this.#torn.delete(id);
    if (status === STATUS_OK) this.sink.answer(id, torn.status, torn.reportedSectors);
    else this.sink.answer(id, status, Math.min(goodSectors, torn.reportedSectors));
  }
}

function isTearable(word: number): boolean {
  const operation = word & OPERATION_MASK;
  return operation === OPERATION_WRITE || operation === OPERATION_WRITE_ZEROES;
}
