// Target `switch`: regions of one size, each on the path that a message has chosen for it. For arrays whose data lies behind
// many ports in no simple pattern: the host sends each I/O to the port that has it.
//
//   switch <paths> <region sectors> 0 {<device> <offset>} × paths
//
//   0 2097152 switch 2 2048 0 /dev/sda 0 /dev/sdb 0
//   dmsetup message NAME 0 set_region_mappings 0:1 :0 R2,3fe
//       two ports, regions of 1 MiB; the first on port 1, the second on port 0, and so on to the end
//
// A sector lies at the same place behind the offset of every path; only which path is taken changes. Until a message
// says otherwise region `r` goes to path `r` modulo the number of paths. The 0 is the number of optional words, of which
// there are none. Up to 65534 paths and 2^26 regions; `*` is what the smallest path has behind its offset.
//
//   set_region_mappings <words>     in hexadecimal digits: INDEX:PATH sets a region, :PATH the one behind the last,
//                                   RN,M repeats the last N for the next M regions. Words before a bad one are obeyed.
//
//   status   nothing
//   table    the words as they were given; what messages have set is not in it
//
// I/O is cut at regions. A DISCARD is not cut and goes to the path of its first region, for all paths lead to the same
// storage; WRITE_ZEROES is not taken, as in the kernel. The kernel sends no flush to a switch; here one goes, in turn, to
// one path of each write cache.

import { OPERATION_FLUSH, STATUS_OK } from '../../../assembly/abi.ts';
import { RqdmError } from '../../errors.ts';
import { ArgumentReader } from '../../table/arguments.ts';
import type { DeviceReference, Target, TargetContext, TargetIo, TargetType } from '../target.ts';
import { END_DONE, END_REQUEUE, MAP_REMAPPED } from '../target.ts';
import { leastBehindOffsets, type SizeOf } from '../whole-length.ts';
import { MappingError, RegionTable } from './region-table.ts';

const PATHS_MAX = 65534;
const WORDS_BEFORE_PATHS = 3;
const WORDS_A_PATH = 2;

interface SwitchPath {
  readonly device: DeviceReference;
  readonly offset: number;
}

class Switch implements Target {
  readonly flushes: number = 1;
  readonly writeZeroes: boolean = false;
  readonly ioSectorsMax: number;
  /** Only where a flush takes more than one turn. */
  readonly endIo?: (io: TargetIo) => number;
  private readonly context: TargetContext;
  private readonly paths: readonly SwitchPath[];
  private readonly regions: RegionTable;
  /** One path of each write cache. */
  private readonly flushed: readonly SwitchPath[];

  constructor(context: TargetContext, paths: readonly SwitchPath[], regionSectors: number, regions: RegionTable) {
    this.context = context;
    this.paths = paths;
    this.regions = regions;
    this.ioSectorsMax = regionSectors;
    const caches = new Map<number, SwitchPath>();
    for (const path of paths) {
      if (path.device.hasCache && !caches.has(path.device.cacheDomain)) caches.set(path.device.cacheDomain, path);
    }
    this.flushed = caches.size > 0 ? [...caches.values()] : paths.slice(0, 1);
    if (this.flushed.length > 1) this.endIo = (io) => this.nextFlush(io);
  }

  /** `io.context` is the path; of a flush it counts the caches that have been flushed. */
  prepMap(io: TargetIo): number {
    if (io.operation !== OPERATION_FLUSH) io.context = this.pathAt(io.sector);
    const path = io.operation === OPERATION_FLUSH ? this.flushed[io.context] : this.paths[io.context];
    io.device = (path as SwitchPath).device.id;
    return MAP_REMAPPED;
  }

  map(io: TargetIo): number {
    if (io.operation === OPERATION_FLUSH) return MAP_REMAPPED;
    // chosen by prepMap: a message may have come in between
    io.sector += (this.paths[io.context] as SwitchPath).offset - this.context.beginSector;
    return MAP_REMAPPED;
  }

  private pathAt(sector: number): number {
    return this.regions.pathOf(Math.floor((sector - this.context.beginSector) / this.ioSectorsMax));
  }

  private nextFlush(io: TargetIo): number {
    if (io.operation !== OPERATION_FLUSH || io.status !== STATUS_OK || io.context + 1 >= this.flushed.length) return END_DONE;
    io.context += 1;
    return END_REQUEUE;
  }

  /** Throws RqdmError `ERR_RQDM_MESSAGE` (EINVAL). */
  message(words: readonly string[]): string | undefined {
    const [first = '', ...mappings] = words;
    if (first.toLowerCase() !== 'set_region_mappings') {
      return this.refuse('Unrecognised message received.', `expected set_region_mappings, got "${first}"`);
    }
    if (mappings.length === 0) return this.refuse('set_region_mappings: expected at least one mapping');
    try {
      this.regions.setMappings(mappings);
    } catch (error) {
      if (!(error instanceof MappingError)) throw error;
      return this.refuse(`set_region_mappings: ${error.message}`);
    }
    return undefined;
  }

  /** The log has the kernel's words alone, the error says more. */
  private refuse(text: string, detail = ''): never {
    this.context.log(`switch: ${text}`);
    throw new RqdmError('ERR_RQDM_MESSAGE', `switch: ${text}${detail === '' ? '' : ` ${detail}`}`);
  }

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    if (kind === 'info') return '';
    const paths = this.paths.map(({ device, offset }) => ` ${name(device)} ${offset}`);
    return `${this.paths.length} ${this.ioSectorsMax} 0${paths.join('')}`;
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    for (const { device, offset } of this.paths) visit(device, offset, this.context.lengthSectors);
  }
}

export const switchTarget: TargetType = {
  name: 'switch',
  version: [1, 1, 0],
  mapping: 'bio',
  construct(words: readonly string[], context: TargetContext): Target {
    const reader = new ArgumentReader(words, context.line);
    const count = reader.uint('Invalid path count', 1, PATHS_MAX);
    const regionSectors = reader.uint('Invalid region size', 1);
    reader.group('Invalid number of optional args', 0);
    if (reader.left !== count * WORDS_A_PATH) {
      reader.fail('Incorrect number of path arguments', {
        detail: `expected ${count * WORDS_A_PATH} words (a device and an offset for each path), ${reader.left} follow`,
      });
    }
    const regions = Math.ceil(context.lengthSectors / regionSectors);
    if (regions > RegionTable.regionsMax) {
      reader.fail('Region table too large', {
        index: 1,
        detail: `${regions} regions of ${regionSectors} sectors: expected at most ${RegionTable.regionsMax}`,
      });
    }
    const paths: SwitchPath[] = [];
    while (reader.left > 0) {
      const device = reader.device(context, 'Device lookup failed');
      paths.push({ device, offset: reader.sector('Invalid device starting offset') });
    }
    return new Switch(context, paths, regionSectors, new RegionTable(regions, count));
  },

  wholeLength(words: readonly string[], sizeOf: SizeOf): number | undefined {
    return leastBehindOffsets(words, WORDS_BEFORE_PATHS, WORDS_A_PATH, sizeOf);
  },
};
