// Target `striped`: chunks of several devices in turn.
//
//   striped <stripes> <chunk, sectors> (<device> <start sector on the device>)…
//
//   chunk  0 1 2 3 4 5 …   of the target lies on
//   stripe 0 1 2 0 1 2 …   (of three), one chunk further on each time around
//
// The core maps it by its extent, splits at chunks, and gives each stripe its share of a flush or discard; no hook is asked
// but for errors. A stripe that had one is shown as D (dead) instead of A (alive), for good, and is used as before.

import { FLAG_RAHEAD, STATUS_NOTSUPP } from '../../assembly/abi.ts';
import { ArgumentReader } from '../table/arguments.ts';
import type { DeviceReference, PathLimits, Target, TargetContext, TargetExtent, TargetIo, TargetType } from './target.ts';
import { leastBehindOffsets, type SizeOf } from './whole-length.ts';

/** Errors of one stripe that raise an event; the later ones would tell nothing new. */
const EVENTS_MAX = 15;
const WORDS_A_STRIPE = 2;
const WORDS_BEFORE_STRIPES = 2;

interface Stripe {
  readonly device: DeviceReference;
  /** First sector on it. */
  readonly offset: number;
  errors: number;
}

class Striped implements Target {
  readonly extents: readonly TargetExtent[];
  private readonly context: TargetContext;
  private readonly chunkSectors: number;
  private readonly stripes: readonly Stripe[];

  constructor(context: TargetContext, chunkSectors: number, stripes: readonly Stripe[]) {
    this.context = context;
    this.chunkSectors = chunkSectors;
    this.stripes = stripes;
    this.extents = [{ start: 0, length: context.lengthSectors, kind: 'striped', chunkSectors, stripes }];
  }

  /** Counts the error for every stripe on the device; the status stays. */
  endIoFirst(io: TargetIo): number {
    const { status } = io;
    if (status === STATUS_NOTSUPP || io.flags & FLAG_RAHEAD) return status;
    for (const stripe of this.stripes) {
      if (stripe.device.id !== io.device) continue;
      stripe.errors++;
      if (stripe.errors < EVENTS_MAX) this.context.event({ kind: 'table-event', reason: 'stripe-error' });
    }
    return status;
  }

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    const { stripes } = this;
    if (kind === 'table') {
      return [stripes.length, this.chunkSectors, ...stripes.map(({ device, offset }) => `${name(device)} ${offset}`)].join(' ');
    }
    const letters = stripes.map(({ errors }) => (errors === 0 ? 'A' : 'D')).join('');
    return [stripes.length, ...stripes.map(({ device }) => name(device)), 1, letters].join(' ');
  }

  /** The best I/O takes one chunk of each stripe. */
  limits(limits: PathLimits): PathLimits {
    const { chunkSectors, stripes } = this;
    return { ...limits, ioMinSectors: chunkSectors, ioOptSectors: chunkSectors * stripes.length };
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    const length = this.context.lengthSectors / this.stripes.length;
    for (const { device, offset } of this.stripes) visit(device, offset, length);
  }
}

function readStripe(reader: ArgumentReader, context: TargetContext): Stripe {
  const text = "Couldn't parse stripe destination";
  const index = reader.nextIndex;
  const word = reader.next(text);
  // a bad sector is told before a bad device
  const offset = reader.sector(text);
  return { device: context.getDevice(word, index, text), offset, errors: 0 };
}

export const stripedTarget: TargetType = {
  name: 'striped',
  version: [1, 6, 0],
  mapping: 'bio',

  construct(words: readonly string[], context: TargetContext): Target {
    const reader = new ArgumentReader(words, context.line);
    if (words.length < WORDS_BEFORE_STRIPES) {
      reader.fail('Not enough arguments', {
        index: words.length,
        detail: `expected the number of stripes and the chunk, got ${words.length} words`,
      });
    }
    const count = reader.uint('Invalid stripe count', 1);
    const chunkSectors = reader.uint('Invalid chunk_size', 1);
    const { lengthSectors } = context;
    if (lengthSectors % count !== 0) {
      reader.fail('Target length not divisible by number of stripes', {
        index: 0,
        detail: `${lengthSectors} sectors, ${count} stripes`,
      });
    }
    if ((lengthSectors / count) % chunkSectors !== 0) {
      reader.fail('Target length not divisible by chunk size', {
        index: 1,
        detail: `${lengthSectors / count} sectors a stripe, chunks of ${chunkSectors}`,
      });
    }
    if (reader.left !== WORDS_A_STRIPE * count) {
      reader.fail('Not enough destinations specified', {
        index: words.length,
        detail: `expected ${count} times a device and a start sector, got ${reader.left} words`,
      });
    }
    const stripes: Stripe[] = [];
    while (reader.left > 0) stripes.push(readStripe(reader, context));
    return new Striped(context, chunkSectors, stripes);
  },

  wholeLength(words: readonly string[], sizeOf: SizeOf): number | undefined {
    const [count, chunk] = words.map(Number) as [number, number];
    return Math.floor(leastBehindOffsets(words, WORDS_BEFORE_STRIPES, WORDS_A_STRIPE, sizeOf) / chunk) * chunk * count;
  },
};
