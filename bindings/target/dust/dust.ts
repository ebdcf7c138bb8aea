// Target `dust`: a disk with bad blocks, which come and go by messages while it is used.
//
//   dust <device> <offset> <block size in bytes>
//
//   0 2048 dust /data/disk.img 0 4096
//   dmsetup message NAME 0 addbadblock 60 · dmsetup message NAME 0 enable
//       reads of block 60 fail until it is written: does the scrubber find it, and repair it by writing?
//
// The block size is a power of two from 512 bytes on, at most the target's length and 1 GiB. Blocks count from the begin of
// the device, not of the target: the offset is part of them. At first nothing fails (`bypass`), and bad blocks that a
// message adds only count from `enable` on.
//
//   enable, disable                     whether bad blocks fail; disabled, writes don't repair them either
//   addbadblock BLOCK [FAILURES]        so many writes of it fail before one repairs it; 0 … 255, default 0
//   removebadblock BLOCK
//   queryblock BLOCK, countbadblocks, listbadblocks
//   clearbadblocks
//   quiet                               no line in the log for each change; once more: lines again
//
// The first word in any case. BLOCK is a decimal number up to and including the number of blocks of the device: one more
// than there are, as in the kernel.
//
//   status   <device> <fail_read_on_bad_block or bypass> <quiet or verbose>
//   table    the words as they were given
//
// I/O is cut at blocks of the target; if the offset is no multiple of the block, the block in which an I/O begins counts,
// as in the kernel. A DISCARD is not cut: it counts as a write of every block that it touches. WRITE_ZEROES is
// not taken, as in the kernel. A failing I/O ends with EIO. The list is lost with the table.

import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../../assembly/abi.ts';
import { RqdmError } from '../../errors.ts';
import { ArgumentReader, readUnsigned } from '../../table/arguments.ts';
import type { DeviceReference, Target, TargetContext, TargetExtent, TargetIo, TargetType } from '../target.ts';
import { MAP_KILL, MAP_REMAPPED } from '../target.ts';
import { BadBlocks } from './bad-blocks.ts';

const SECTOR_BYTES = 512;
const BLOCK_SECTORS_MAX = 2_097_152;
const WRITE_FAILURES_MAX = 255;

class Dust implements Target {
  readonly extents: readonly TargetExtent[];
  readonly flushes: number = 1;
  readonly writeZeroes: boolean = false;
  readonly ioSectorsMax: number;
  private readonly context: TargetContext;
  private readonly device: DeviceReference;
  private readonly offset: number;
  private readonly shift: number;
  private readonly bad: BadBlocks = new BadBlocks();
  private isFailing = false;
  private isQuiet = false;
  /** Made once, not for each write. */
  private readonly repaired = (block: number): void => {
    this.tell(`block ${block} removed from badblocklist by write`);
  };

  constructor(context: TargetContext, device: DeviceReference, offset: number, blockSectors: number) {
    this.context = context;
    this.device = device;
    this.offset = offset;
    this.shift = offset - context.beginSector;
    this.ioSectorsMax = blockSectors;
    this.extents = [{ start: 0, length: context.lengthSectors, kind: 'device', device, offset }];
  }

  map(io: TargetIo): number {
    if (io.operation === OPERATION_FLUSH) return MAP_REMAPPED;
    io.sector += this.shift;
    return this.isFailing && this.bad.size > 0 && this.fails(io) ? MAP_KILL : MAP_REMAPPED;
  }

  private fails(io: TargetIo): boolean {
    const first = this.blockOf(io.sector);
    if (io.operation === OPERATION_READ) return this.bad.has(first);
    const last = io.operation === OPERATION_WRITE ? first : this.blockOf(io.sector + io.sectors - 1);
    return this.bad.write(first, last, this.repaired);
  }

  private blockOf(sector: number): number {
    return Math.floor(sector / this.ioSectorsMax);
  }

  // ---- messages ----------------------------------------------------------------------------

  /** Throws RqdmError `ERR_RQDM_MESSAGE` (EINVAL). */
  message(words: readonly string[]): string | undefined {
    const [first = '', word, failures] = words;
    const name = first.toLowerCase();
    if (words.length === 1) return this.command(name, first);
    if (words.length === 2) return this.blockCommand(name, first, this.readBlock(word as string));
    if (words.length === 3 && name === 'addbadblock') {
      const block = this.readBlock(word as string);
      const count = readUnsigned(failures as string);
      if (count === undefined || count > WRITE_FAILURES_MAX) {
        return this.refuse(`invalid write fail count: expected 0 to ${WRITE_FAILURES_MAX}, got "${failures}"`);
      }
      return this.addBlock(block, count);
    }
    return this.refuse(`unrecognized message '${first}' received: no message has ${words.length} words like this`);
  }

  private command(name: string, word: string): string | undefined {
    switch (name) {
      case 'enable':
        this.isFailing = true;
        return this.log('enabling read failures on bad sectors');
      case 'disable':
        this.isFailing = false;
        return this.log('disabling read failures on bad sectors');
      case 'quiet':
        this.isQuiet = !this.isQuiet;
        return this.log(this.isQuiet ? 'quiet mode set' : 'quiet mode unset');
      case 'countbadblocks':
        return `countbadblocks: ${this.bad.size} badblock(s) found`;
      case 'listbadblocks':
        return this.bad.size === 0 ? 'No blocks in badblocklist' : this.bad.list().join('\n');
      case 'clearbadblocks': {
        const isEmpty = this.bad.size === 0;
        this.bad.clear();
        return isEmpty ? 'dust_clear_badblocks: no badblocks found' : 'dust_clear_badblocks: badblocks cleared';
      }
      case 'addbadblock':
      case 'removebadblock':
      case 'queryblock':
        return this.refuse(`${name} requires an additional argument`);
      default:
        return this.refuse(`unrecognized message '${word}' received`);
    }
  }

  private blockCommand(name: string, word: string, block: number): string | undefined {
    switch (name) {
      case 'addbadblock':
        return this.addBlock(block, 0);
      case 'removebadblock':
        if (!this.bad.remove(block)) return this.refuse(`dust_remove_block: block ${block} not found in badblocklist`);
        return this.tell(`dust_remove_block: badblock removed at block ${block}`);
      case 'queryblock':
        return `dust_query_block: block ${block} ${this.bad.has(block) ? 'found' : 'not found'} in badblocklist`;
      default:
        return this.refuse(`unrecognized message '${word}' received`);
    }
  }

  private addBlock(block: number, writeFailures: number): undefined {
    if (this.bad.has(block)) return this.refuse(`dust_add_block: block ${block} already in badblocklist`);
    this.bad.add(block, writeFailures);
    return this.tell(`dust_add_block: badblock added at block ${block} with write fail count ${writeFailures}`);
  }

  private readBlock(word: string): number {
    const block = readUnsigned(word);
    const blocks = Math.floor(this.device.sizeSectors / this.ioSectorsMax);
    if (block !== undefined && block <= blocks) return block;
    return this.refuse('selected block value out of range', `expected 0 to ${blocks}, got "${word}"`);
  }

  /** The log has the kernel's words alone, the error says more. */
  private refuse(text: string, detail = ''): never {
    this.context.log(`dust: ${text}`);
    throw new RqdmError('ERR_RQDM_MESSAGE', `dust: ${text}${detail === '' ? '' : `: ${detail}`}`);
  }

  private log(text: string): undefined {
    this.context.log(`dust: ${text}`);
  }

  /** A line that `quiet` keeps away. */
  private tell(text: string): undefined {
    if (!this.isQuiet) this.log(text);
  }

  // ---- what users see ------------------------------------------------------------------------

  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    if (kind === 'table') return `${name(this.device)} ${this.offset} ${this.ioSectorsMax * SECTOR_BYTES}`;
    const mode = this.isFailing ? 'fail_read_on_bad_block' : 'bypass';
    return `${name(this.device)} ${mode} ${this.isQuiet ? 'quiet' : 'verbose'}`;
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    visit(this.device, this.offset, this.context.lengthSectors);
  }
}

function readBlockSectors(reader: ArgumentReader, lengthSectors: number): number {
  const text = 'Invalid block size parameter';
  const bytes = reader.uint(text);
  if (bytes < SECTOR_BYTES) reader.fail('Block size must be at least 512', { detail: `got ${bytes} bytes` });
  if (2 ** Math.floor(Math.log2(bytes)) !== bytes) {
    reader.fail('Block size must be a power of 2', { detail: `got ${bytes} bytes` });
  }
  const most = Math.min(lengthSectors, BLOCK_SECTORS_MAX);
  const sectors = bytes / SECTOR_BYTES;
  if (sectors > most) reader.fail('Block size is too large', { detail: `expected at most ${most * SECTOR_BYTES} bytes` });
  return sectors;
}

export const dustTarget: TargetType = {
  name: 'dust',
  version: [1, 0, 0],
  mapping: 'bio',
  construct(words: readonly string[], context: TargetContext): Target {
    const reader = new ArgumentReader(words, context.line);
    if (words.length !== 3) {
      reader.fail('Invalid argument count', {
        index: Math.min(words.length, 3),
        detail: `expected 3 words (device, offset, block size), got ${words.length}`,
      });
    }
    // The kernel looks at the block size before the offset, and at the device last.
    const blockSectors = readBlockSectors(new ArgumentReader(words.slice(2), context.line, 2), context.lengthSectors);
    const device = reader.next('Invalid argument count');
    const offset = reader.sector('Invalid device offset sector');
    return new Dust(context, context.getDevice(device, 0, 'Device lookup failed'), offset, blockSectors);
  },
};
