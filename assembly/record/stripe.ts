import { EXTENT_BYTES } from '../limits';
import { Extent } from './extent';
import { root } from './root';

// Striped stretches: chunk i of the stretch lies on stripe i % n, at that stripe's offset plus i / n chunks.
//
//   stretch   | 0 | 1 | 2 | 3 | 4 | 5 | …          n = 3
//   stripe 0  | 0 | 3 | …
//   stripe 1  | 1 | 4 | …
//   stripe 2  | 2 | 5 | …

/** Extents that are the stripes of a striped one. */
export function stripesOf(extent: Extent): u32 {
  return <u32>(extent.offset >> 32);
}

export function stripeAt(extent: Extent, index: u32): Extent {
  return changetype<Extent>(root().extents + <usize>(<u32>extent.offset + index) * EXTENT_BYTES);
}

/** The stripe of a sector of the mapped device. */
export function stripeOf(extent: Extent, sector: u64): Extent {
  return stripeAt(extent, <u32>(((sector - extent.start) / extent.ioSectorsMax) % stripesOf(extent)));
}

/** The sector on that stripe's device. */
export function stripeSector(extent: Extent, sector: u64): u64 {
  const inside = sector - extent.start;
  const chunk = inside / extent.ioSectorsMax;
  return stripeOf(extent, sector).offset + (chunk / stripesOf(extent)) * extent.ioSectorsMax + (inside % extent.ioSectorsMax);
}

/** First sector, on its device, of what a stripe has at `sector` or behind. */
export function stripeEdge(extent: Extent, sector: u64, index: u32): u64 {
  const stripes = stripesOf(extent);
  const inside = sector - extent.start;
  const chunk = inside / extent.ioSectorsMax;
  const row = chunk / stripes;
  const own = <u32>(chunk % stripes);
  const begin = stripeAt(extent, index).offset + row * extent.ioSectorsMax;
  if (index < own) return begin + extent.ioSectorsMax;
  return index == own ? begin + (inside % extent.ioSectorsMax) : begin;
}
