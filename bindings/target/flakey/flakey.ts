// Target `flakey`: a device that works for a while and fails for a while, in turn.
//
//   flakey <device> <offset> <up s> <down s> [<number of feature words> [<feature>…]]
//
//   0 2048 flakey /data/disk.img 0 30 5
//       30 s well, 5 s without any I/O: does the RAID above bring the disk back?
//   0 2048 flakey /data/disk.img 0 0 1 1 drop_writes
//       writes are acknowledged and lost from now on: what is left after a power cut?
//   0 2048 flakey /data/disk.img 0 0 1 5 corrupt_bio_byte 32 r 1 0
//       byte 32 of every read is 1: are checksums looked at?
//
// Intervals are whole seconds of the device's clock from the loading of the table, up first; one of them may be 0. Up it
// is `linear`. Down, without features, all I/O fails with EIO; with features only what they name goes wrong:
//
//   drop_writes                writes, discards and flushes succeed and are not done
//   error_writes               they fail
//   corrupt_bio_byte N D V F   byte N (from 1) of reads (D is r) or writes (w) becomes V (0 … 255), if the bio has all
//                              flags of the mask F (the numbers of FLAG_* in the core's interface; 0: any bio)
//
// and, which kernels of today have and 6.1 has not:
//
//   error_reads                reads fail
//   random_read_corrupt P      with a chance of P in 10^9 one byte of a read, of a write gets any value. The chances are
//   random_write_corrupt P     the same in every run.
//
//   status   nothing
//   table    the words as they were given; without features `0`. A blank at the end.
//
// A bio that is shorter than N is left alone. What a caller hands over to be written is never changed: the wrong byte is
// there only while the write is under way. WRITE_ZEROES is not taken, as in the kernel.

import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE, STATUS_OK } from '../../../assembly/abi.ts';
import { ArgumentReader } from '../../table/arguments.ts';
import type { DeviceReference, Target, TargetContext, TargetExtent, TargetIo, TargetType } from '../target.ts';
import { END_DONE, MAP_KILL, MAP_REMAPPED, MAP_SUBMITTED } from '../target.ts';
import { Corruption } from './corruption.ts';
import { type FlakeyFeatures, featureWords, readFeatures } from './features.ts';

const NS_PER_SECOND = 1e9;
const WORDS_LEAST = 4;
const INTERVAL_MAX = 0xffff_ffff;
/** In `io.context`: this bio was sent while the device was down. */
const IS_DOWN = 1;

interface FlakeyOptions {
  readonly device: DeviceReference;
  readonly offset: number;
  readonly upSeconds: number;
  readonly downSeconds: number;
  readonly features: FlakeyFeatures;
}

/** Without corruption: one hook is enough, and nothing is asked on the way up. */
class Flakey implements Target {
  readonly extents: readonly TargetExtent[];
  readonly flushes: number = 1;
  readonly writeZeroes: boolean = false;
  protected readonly context: TargetContext;
  protected readonly options: FlakeyOptions;
  private readonly shift: number;
  private readonly startedAtNs: number;
  private readonly words: readonly string[];

  constructor(context: TargetContext, options: FlakeyOptions) {
    const { device, offset } = options;
    this.context = context;
    this.options = options;
    this.shift = offset - context.beginSector;
    this.startedAtNs = context.nowNs();
    this.words = featureWords(options.features);
    this.extents = [{ start: 0, length: context.lengthSectors, kind: 'device', device, offset }];
  }

  map(io: TargetIo): number {
    const verdict = this.isDown(io.nowNs) ? this.whileDown(io) : MAP_REMAPPED;
    this.translate(io);
    return verdict;
  }

  protected translate(io: TargetIo): void {
    if (io.operation !== OPERATION_FLUSH) io.sector += this.shift;
  }

  protected isDown(nowNs: number): boolean {
    const { upSeconds, downSeconds } = this.options;
    return Math.floor((nowNs - this.startedAtNs) / NS_PER_SECOND) % (upSeconds + downSeconds) >= upSeconds;
  }

  protected whileDown(io: TargetIo): number {
    const { errorReads, dropWrites, errorWrites } = this.options.features;
    if (this.words.length === 0) return MAP_KILL;
    if (io.operation === OPERATION_READ) return errorReads ? MAP_KILL : MAP_REMAPPED;
    if (errorWrites) return MAP_KILL;
    if (!dropWrites) return MAP_REMAPPED;
    this.context.finish(io.id, STATUS_OK);
    return MAP_SUBMITTED;
  }

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    if (kind === 'info') return '';
    const { device, offset, upSeconds, downSeconds } = this.options;
    return `${[name(device), offset, upSeconds, downSeconds, this.words.length, ...this.words].join(' ')} `;
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    visit(this.options.device, this.options.offset, this.context.lengthSectors);
  }
}

/** With corruption: prepMap remembers whether the device was down, for the way up. */
class CorruptingFlakey extends Flakey {
  private readonly corruption: Corruption;

  constructor(context: TargetContext, options: FlakeyOptions) {
    super(context, options);
    this.corruption = new Corruption(context, options.features);
  }

  prepMap(io: TargetIo): number {
    io.device = this.options.device.id;
    io.context = 0;
    if (!this.isDown(io.nowNs)) return MAP_REMAPPED;
    io.context = IS_DOWN;
    return this.whileDown(io);
  }

  override map(io: TargetIo): number {
    if (io.context === IS_DOWN && io.operation === OPERATION_WRITE) this.corruption.ofWrite(io);
    this.translate(io);
    return MAP_REMAPPED;
  }

  endIo(io: TargetIo): number {
    if (io.context !== IS_DOWN) return END_DONE;
    if (io.operation === OPERATION_WRITE) this.context.restoreWrite(io.id);
    else if (io.operation === OPERATION_READ && io.status === STATUS_OK) this.corruption.ofRead(io);
    return END_DONE;
  }
}

/** The intervals. A bad down interval has the text of the up interval: the kernel's own. */
function readIntervals(reader: ArgumentReader): { upSeconds: number; downSeconds: number } {
  const upSeconds = reader.uint('Invalid up interval');
  const downSeconds = reader.uint('Invalid up interval');
  if (upSeconds + downSeconds === 0) reader.fail('Total (up + down) interval is zero');
  if (upSeconds + downSeconds > INTERVAL_MAX) {
    reader.fail('Interval overflow', { detail: `expected at most ${INTERVAL_MAX} s together` });
  }
  return { upSeconds, downSeconds };
}

export const flakeyTarget: TargetType = {
  name: 'flakey',
  version: [1, 5, 0],
  mapping: 'bio',
  construct(words: readonly string[], context: TargetContext): Target {
    const reader = new ArgumentReader(words, context.line);
    if (words.length < WORDS_LEAST) {
      reader.fail('Invalid argument count', {
        index: words.length,
        detail: `expected at least 4 words (device, offset, up, down), got ${words.length}`,
      });
    }
    const device = reader.next('Invalid argument count');
    const offset = reader.sector('Invalid device sector');
    const { upSeconds, downSeconds } = readIntervals(reader);
    const features = readFeatures(reader);
    const options = {
      device: context.getDevice(device, 0, 'Device lookup failed'),
      offset,
      upSeconds,
      downSeconds,
      features,
    };
    const { corruptByte, randomReadCorrupt, randomWriteCorrupt } = features;
    const isCorrupting = corruptByte !== undefined || randomReadCorrupt !== undefined || randomWriteCorrupt !== undefined;
    return isCorrupting ? new CorruptingFlakey(context, options) : new Flakey(context, options);
  },
};
