// Target `unstriped`: one stripe of a striped device, as a device of its own.
//
//   unstriped <stripes> <chunk sectors> <stripe, from 0> <device> <offset>
//
//   0 1024 unstriped 2 16 1 /dev/mapper/striped 0
//       the second of two stripes, in chunks of 8 KiB: what lies on that disk alone, e.g. to give each half of a
//       drive that stripes inside to its own user
//
// The length is a multiple of the chunk; `*` is all whole chunks of the stripe behind the offset. With chunk `c` and `n` stripes,
// sector `s` lies at `floor(s / c) · c · n + stripe · c + s mod c` behind the offset. Only the first `length` sectors behind
// the offset are looked for when the table is loaded, as in the kernel: I/O that then lies beyond the device's end fails.
//
//   status   nothing
//   table    the words as they were given
//
// I/O is cut at chunks. DISCARD and WRITE_ZEROES are not taken, as in the kernel.

import { OPERATION_FLUSH } from '../../assembly/abi.ts';
import { ArgumentReader } from '../table/arguments.ts';
import type { DeviceReference, PathLimits, Target, TargetContext, TargetExtent, TargetIo, TargetType } from './target.ts';
import { MAP_REMAPPED } from './target.ts';
import type { SizeOf } from './whole-length.ts';

interface UnstripedOptions {
  readonly stripes: number;
  readonly chunkSectors: number;
  readonly stripe: number;
  readonly device: DeviceReference;
  readonly offset: number;
}

class Unstriped implements Target {
  readonly extents: readonly TargetExtent[];
  readonly flushes: number = 1;
  readonly discards: boolean = false;
  readonly writeZeroes: boolean = false;
  readonly ioSectorsMax: number;
  private readonly context: TargetContext;
  private readonly options: UnstripedOptions;
  /** From one chunk of the stripe to its next, less the chunk itself. */
  private readonly gapSectors: number;
  /** Where the stripe begins on the device. */
  private readonly firstSector: number;

  constructor(context: TargetContext, options: UnstripedOptions) {
    const { stripes, chunkSectors, stripe, device, offset } = options;
    this.context = context;
    this.options = options;
    this.ioSectorsMax = chunkSectors;
    this.gapSectors = (stripes - 1) * chunkSectors;
    this.firstSector = offset + stripe * chunkSectors;
    this.extents = [{ start: 0, length: context.lengthSectors, kind: 'device', device, offset }];
  }

  map(io: TargetIo): number {
    if (io.operation === OPERATION_FLUSH) return MAP_REMAPPED;
    const inside = io.sector - this.context.beginSector;
    io.sector = this.firstSector + inside + Math.floor(inside / this.ioSectorsMax) * this.gapSectors;
    return MAP_REMAPPED;
  }

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    const { stripes, chunkSectors, stripe, device, offset } = this.options;
    return kind === 'info' ? '' : `${stripes} ${chunkSectors} ${stripe} ${name(device)} ${offset}`;
  }

  /** Whoever stands above had better cut at chunks too. */
  limits(limits: PathLimits): PathLimits {
    return { ...limits, chunkSectors: this.ioSectorsMax };
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    visit(this.options.device, this.options.offset, this.context.lengthSectors);
  }
}

export const unstripedTarget: TargetType = {
  name: 'unstriped',
  version: [1, 1, 0],
  mapping: 'bio',
  construct(words: readonly string[], context: TargetContext): Target {
    const reader = new ArgumentReader(words, context.line);
    if (words.length !== 5) {
      reader.fail('Invalid number of arguments', {
        index: Math.min(words.length, 5),
        detail: `expected 5 words (stripes, chunk, stripe, device, offset), got ${words.length}`,
      });
    }
    const stripes = reader.uint('Invalid stripe count', 1);
    const chunkSectors = reader.uint('Invalid chunk_size', 1);
    const stripe = reader.uint('Invalid stripe number');
    if (stripe >= stripes) {
      reader.fail('Please provide stripe between [0, # of stripes]', { detail: `expected 0 to ${stripes - 1}, got ${stripe}` });
    }
    const index = reader.nextIndex;
    const word = reader.next("Couldn't get striped device");
    const offset = reader.sector('Invalid striped device offset');
    if (context.lengthSectors % chunkSectors !== 0) {
      reader.fail('Target length not divisible by chunk size', {
        index: 1,
        detail: `${context.lengthSectors} sectors are no multiple of ${chunkSectors}`,
      });
    }
    const device = context.getDevice(word, index, "Couldn't get striped device");
    return new Unstriped(context, { stripes, chunkSectors, stripe, device, offset });
  },

  wholeLength(words: readonly string[], sizeOf: SizeOf): number | undefined {
    const [stripes, chunk, stripe] = words.map(Number) as [number, number, number];
    const chunks = Math.floor(((sizeOf(words[3] ?? '') ?? 0) - Number(words[4])) / chunk);
    return (Math.floor((chunks - stripe - 1) / stripes) + 1) * chunk;
  },
};
