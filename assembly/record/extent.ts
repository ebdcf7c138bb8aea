import { EXTENT_BYTES } from '../limits';
import { Device } from './device';

// One stretch of a mapped device's table.
//
//   0       8        16     17      18        19          20       24       32       36              40
//   | start | length | kind | hooks | flushes | abilities | device | offset | target | I/O sectors | - |   48 bytes
//
// `start` and `offset` are sectors of the mapped device and of the device below. `ioSectorsMax` is
// the longest I/O, counted in multiples from `start`; 0: no limit.
//
// Of a striped stretch `ioSectorsMax` is the chunk, and `offset` names records behind those of the tables, one for each
// stripe: first | stripes << 32.

@unmanaged
export class Extent {
  start: u64 = 0;
  length: u64 = 0;
  kind: u8 = 0;
  hooks: u8 = 0;
  flushes: u8 = 0;
  abilities: u8 = 0;
  device: Device = changetype<Device>(0);
  offset: u64 = 0;
  target: u32 = 0;
  ioSectorsMax: u32 = 0;
}

export function assertExtentLayout(): void {
  assert(offsetof<Extent>() <= EXTENT_BYTES);
}
