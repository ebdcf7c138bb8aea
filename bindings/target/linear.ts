// Target `linear`: a stretch of one device.
//
//   linear <device> <start sector on the device>
//
// The core maps it by its extent; no hook is asked.

import { ArgumentReader } from '../table/arguments.ts';
import type { DeviceReference, Target, TargetContext, TargetExtent, TargetType } from './target.ts';

class Linear implements Target {
  readonly extents: readonly TargetExtent[];
  private readonly device: DeviceReference;
  private readonly offset: number;
  private readonly length: number;

  constructor(device: DeviceReference, offset: number, length: number) {
    this.device = device;
    this.offset = offset;
    this.length = length;
    this.extents = [{ start: 0, length, kind: 'device', device, offset }];
  }

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    return kind === 'info' ? '' : `${name(this.device)} ${this.offset}`;
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    visit(this.device, this.offset, this.length);
  }
}

export const linearTarget: TargetType = {
  name: 'linear',
  version: [1, 4, 0],
  mapping: 'bio',
  construct(words: readonly string[], context: TargetContext): Target {
    const reader = new ArgumentReader(words, context.line);
    if (words.length !== 2) {
      reader.fail('Invalid argument count', {
        index: Math.min(words.length, 2),
        detail: `expected 2 words (device, start sector), got ${words.length}`,
      });
    }
    // The kernel reads the sector first and opens the device after it, so a bad sector is told before a bad device.
    const [device] = words as [string, string];
    reader.next('Invalid argument count');
    const offset = reader.sector('Invalid device sector');
    return new Linear(context.getDevice(device, 0, 'Device lookup failed'), offset, context.lengthSectors);
  },
};
