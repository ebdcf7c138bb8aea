// What the driven core's rings hold, as the host reads and writes it: I/Os for paths, extents. And what a path does with
// an I/O: it moves its data, within the limits that it is promised.

import * as abi from '../../assembly/abi.ts';
import type { Core } from '../../bindings/core/core.ts';
import { type ArenaModel, check, type Medium } from './core-data.ts';
import type { ExtentOptions, PathIo, Settings } from './core-io.ts';

/** I/O `index` of the issue ring. Its ordinal is 0, and so is what it knows of its medium. */
export function readIssued(core: Core, arena: ArenaModel, index: number, nowNs: number): PathIo {
  const words = core.ringWords(abi.HEADER_ISSUE, core.answerCapacity, abi.ISSUE_BYTES);
  const doubles = core.ringDoubles(abi.HEADER_ISSUE, core.answerCapacity, abi.ISSUE_BYTES);
  const word = (at: number): number => words[(index * abi.ISSUE_BYTES) / 4 + at];
  const sector = doubles[(index * abi.ISSUE_BYTES) / 8];
  const sectors = word(abi.ISSUE_SECTORS);
  const operation = word(abi.ISSUE_OPERATION) & 0xff;
  const segments = word(abi.ISSUE_SEGMENTS);
  const first = word(abi.ISSUE_SEGMENT);
  const hasMemory = operation === abi.OPERATION_READ || operation === abi.OPERATION_WRITE;
  const pieces: [number, number][] = hasMemory && segments === 1 ? [[word(abi.ISSUE_ADDRESS) / 512, sectors]] : [];
  if (hasMemory && segments > 1) pieces.push(...readPieces(core, first, segments));
  const hasRanges = operation === abi.OPERATION_DISCARD && segments > 1;
  const owners = pieces.flatMap(([at, length]) => Array.from({ length }, (_, k) => arena.ownerOf(at + k)));
  return {
    id: word(abi.ISSUE_ID),
    device: word(abi.ISSUE_DEVICE),
    sector,
    sectors,
    operation,
    flags: word(abi.ISSUE_OPERATION) >>> 8,
    ranges: hasRanges ? readRanges(core, first, segments) : [[sector, sectors]],
    pieces,
    tags: owners.filter((tag, k) => k === 0 || owners[k - 1] !== tag),
    ordinal: 0,
    changes: 0,
    issuedAtNs: nowNs,
  };
}

function readPieces(core: Core, first: number, total: number): [number, number][] {
  const words = core.ringWords(abi.HEADER_SEGMENT, 2 * core.capacities.bios, abi.SEGMENT_BYTES);
  return Array.from({ length: total }, (_, i) => [words[2 * (first + i)] / 512, words[2 * (first + i) + 1] / 512]);
}

function readRanges(core: Core, first: number, total: number): [number, number][] {
  const words = core.ringWords(abi.HEADER_SEGMENT, 2 * core.capacities.bios, abi.SEGMENT_BYTES);
  const doubles = core.ringDoubles(abi.HEADER_SEGMENT, 2 * core.capacities.bios, abi.SEGMENT_BYTES);
  return Array.from({ length: total }, (_, i) => [doubles[first + 2 * i], words[2 * (first + 2 * i + 1)]]);
}

const LIMITS = { maxSectors: 2560, maxSegments: 128, chunkSectors: 0, depth: 64 };

/** Throws where an I/O is more than its path was said to take. An operation that it does not take at all it refuses itself. */
export function checkIssued(io: PathIo, settings: Settings, sizeSectors: number, inFlight: number): void {
  const { maxSectors = LIMITS.maxSectors, maxSegments = LIMITS.maxSegments, chunkSectors = 0, depth = LIMITS.depth } = settings;
  const { maxDiscardSectors = 0, maxDiscardSegments = 1, maxWriteZeroesSectors = 0 } = settings;
  const what = `I/O ${io.operation} of ${io.sectors} sectors at ${io.sector} of device ${io.device}`;
  check(inFlight < depth, () => `${what}: the depth of ${depth} is exceeded`);
  if (io.operation === abi.OPERATION_FLUSH) return;
  const isDiscard = io.operation === abi.OPERATION_DISCARD;
  const own = io.operation === abi.OPERATION_WRITE_ZEROES ? maxWriteZeroesSectors : maxSectors;
  const chunked = chunkSectors ? Math.min(own, chunkSectors - (io.sector % chunkSectors)) : own;
  const most = isDiscard ? maxDiscardSectors : chunked;
  check(io.sectors > 0, () => `${what}: nothing`);
  check(most === 0 || io.sectors <= most, () => `${what}: ${most} sectors at most`);
  const covered = io.ranges.reduce((sum, [, sectors]) => sum + sectors, 0);
  check(covered === io.sectors, () => `${what}: its ranges have ${covered} sectors`);
  for (const [sector, sectors] of io.ranges) check(sector + sectors <= sizeSectors, () => `${what}: beyond the end`);
  if (isDiscard) {
    const room = Math.max(maxDiscardSegments, 1);
    check(most === 0 || io.ranges.length <= room, () => `${what}: ${io.ranges.length} ranges, ${room} at most`);
  } else if (io.operation !== abi.OPERATION_WRITE_ZEROES) {
    check(io.pieces.length <= maxSegments, () => `${what}: ${io.pieces.length} segments, ${maxSegments} at most`);
    const held = io.pieces.reduce((sum, [, sectors]) => sum + sectors, 0);
    check(held === io.sectors, () => `${what}: its memory has ${held} sectors`);
  }
}

/** The first sectors of the I/O are done: between memory and medium, or as zeros on the medium. */
export function moveData(io: PathIo, goodSectors: number, medium: Medium, arena: ArenaModel): void {
  const isSafe = (io.flags & abi.FLAG_FUA) !== 0;
  let left = goodSectors;
  for (const [first, sectors] of io.pieces.length === 0 ? io.ranges : []) {
    for (let sector = first; sector < first + sectors && left > 0; sector++, left--) medium.put(sector, 0, isSafe);
  }
  let place = io.sector;
  for (const [at, sectors] of io.pieces) {
    for (let i = 0; i < sectors && left > 0; i++, place++, left--) {
      arena.ownerOf(at + i);
      if (io.operation === abi.OPERATION_WRITE) medium.put(place, arena.sectors[at + i], isSafe);
      else arena.sectors[at + i] = medium.sectors[place];
    }
  }
}

const KINDS = {
  device: abi.EXTENT_DEVICE,
  error: abi.EXTENT_ERROR,
  zero: abi.EXTENT_ZERO,
  striped: abi.EXTENT_STRIPED,
};

/** Writes record `index` of the extent pool. */
export function writeExtent(
  core: Core,
  index: number,
  { device = 0xffffffff, offset = 0, hooks = {}, kind = 'device', flushes = 1, ioSectorsMax = 0 }: ExtentOptions,
  start: number,
  length: number,
  target: number,
): void {
  const bits =
    (hooks.prepMap ? abi.HOOK_PREP_MAP : 0) |
    (hooks.map ? abi.HOOK_MAP : 0) |
    (hooks.endIoFirst ? abi.HOOK_END_IO_FIRST : 0) |
    (hooks.endIo ? abi.HOOK_END_IO : 0) |
    (hooks.isEndIoTold ? abi.HOOK_END_IO_TOLD : 0);
  core.exports.setExtent(index, start, length, KINDS[kind], bits, device, offset, target, flushes, ioSectorsMax, 3);
}
