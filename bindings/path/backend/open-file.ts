// Opening a file or block device, on the main thread. What the path needs to know about it is learnt here, once.

import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, type Stats, statfsSync } from 'node:fs';
import { resolve } from 'node:path';
import { RqdmError } from '../../errors.ts';
import { createSharedMemory } from '../shared-memory.ts';
import { type BackingWord, misreadOptionsHint } from '../word.ts';
import type { FileDescription } from './file.ts';

export interface OpenedFile {
  readonly description: FileDescription;
  readonly cacheKey: string;
  readonly isBlockDevice: boolean;
  /** On a network or user-space file system: a call may take for ever. */
  readonly isRemote: boolean;
  /** Smallest block it takes, in bytes. */
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
  readonly isRotational: boolean;
  close(): void;
}

/** `f_type` of file systems whose calls wait for another machine or process. */
const REMOTE_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, // nfs
  0x517b, // smb
  0xfe534d42, // smb2
  0xff534d42, // cifs
  0x65735546, // fuse
  0x01021997, // 9p
  0x00c36400, // ceph
  0x5346414f, // afs
  0x6b414653, // kafs
  0x73757245, // coda
  0x0bd00bd0, // lustre
  0x01161970, // gfs2
  0x7461636f, // ocfs2
  0x786f4256, // vboxsf
]);

/** Throws `ERR_RQDM_OPEN` with the system's error as cause. */
export function openFile(word: BackingWord, isReadOnly: boolean, abilities: number): OpenedFile {
  const access = isReadOnly ? constants.O_RDONLY : constants.O_RDWR;
  const bufferedFd = openDescriptor(word, access, isReadOnly);
  let directFd = -1;
  try {
    const stat = fstatSync(bufferedFd);
    if (!stat.isFile() && !stat.isBlockDevice()) {
      throw new RqdmError('ERR_RQDM_OPEN', `${word.word}: is ${typeName(stat)}: expected a regular file or a block device`);
    }
    const isBlockDevice = stat.isBlockDevice();
    const queue = isBlockDevice ? blockQueue(stat.rdev) : { logical: 512, physical: 512, isRotational: false };
    let alignment = 1;
    if (word.isDirect) {
      directFd = openDirect(word, access, isReadOnly);
      alignment = word.blockBytes ?? (isBlockDevice ? queue.logical : probeAlignment(word, directFd));
    }
    const fd = directFd < 0 ? bufferedFd : directFd;
    const sizeBytes = isBlockDevice ? blockDeviceBytes(word, stat.rdev) : stat.size;
    if (sizeBytes === 0) throw new RqdmError('ERR_RQDM_OPEN', `${word.word}: is empty: expected at least one byte`);
    const logicalBlockBytes = Math.max(word.blockBytes ?? queue.logical, alignment);
    return {
      description: { kind: 'file', fd, bufferedFd, sizeBytes, isReadOnly, alignment, abilities },
      cacheKey: isBlockDevice ? `block:${stat.rdev}` : `${stat.dev}:${stat.ino}`,
      isBlockDevice,
      isRemote: isRemote(resolve(word.name)),
      logicalBlockBytes,
      physicalBlockBytes: Math.max(logicalBlockBytes, queue.physical),
      isRotational: queue.isRotational,
      close() {
        closeSync(bufferedFd);
        if (fd !== bufferedFd) closeSync(fd);
      },
    };
  } catch (error) {
    closeSync(bufferedFd);
    if (directFd >= 0) closeSync(directFd);
    throw error;
  }
}

function openDescriptor(word: BackingWord, flags: number, isReadOnly: boolean): number {
  try {
    // Without O_NONBLOCK a named pipe would wait here for its other end; files and block devices do not mind it.
    return openSync(word.name, flags | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    let hint = '';
    if (code === 'ENOENT') hint = misreadOptionsHint(word.name) ?? '';
    else if (!isReadOnly && (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')) hint = 'for reading only, add ?ro=1';
    else if (code === 'EISDIR') hint = 'expected a regular file or a block device, not a directory';
    throw new RqdmError(
      'ERR_RQDM_OPEN',
      `${word.word}: cannot be opened: ${code ?? String(cause)}${hint === '' ? '' : `; ${hint}`}`,
      { cause },
    );
  }
}

function openDirect(word: BackingWord, access: number, isReadOnly: boolean): number {
  if (constants.O_DIRECT === undefined) {
    throw new RqdmError('ERR_RQDM_OPEN', `${word.word}: option 'direct=1': this platform has no O_DIRECT`);
  }
  try {
    return openDescriptor(word, access | constants.O_DIRECT, isReadOnly);
  } catch (error) {
    if (((error as RqdmError).cause as NodeJS.ErrnoException | undefined)?.code !== 'EINVAL') throw error;
    throw noDirect(word, (error as RqdmError).cause);
  }
}

function noDirect(word: BackingWord, cause: unknown): RqdmError {
  return new RqdmError('ERR_RQDM_OPEN', `${word.word}: option 'direct=1': its file system has no O_DIRECT`, { cause });
}

/** The smallest transfer that O_DIRECT takes here: asked of the kernel, as it depends on the disk below. */
function probeAlignment(word: BackingWord, fd: number): number {
  const buffer = new Uint8Array(createSharedMemory(8192).buffer);
  for (const alignment of [512, 4096]) {
    try {
      readSync(fd, buffer, alignment, alignment, alignment);
      return alignment;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== 'EINVAL') return 4096; // it can be aligned, but not be read: the first I/O will say so
      if (alignment === 4096) throw noDirect(word, cause);
    }
  }
  return 4096;
}

function sysBlock(rdev: number): string {
  // The encoding of glibc's makedev, in arithmetic that survives 32 bits.
  const high = Math.floor(rdev / 2 ** 32);
  const low = rdev >>> 0;
  const major = ((low >>> 8) & 0xfff) | (high & ~0xfff);
  const minor = (low & 0xff) | ((low >>> 12) & ~0xff);
  return `/sys/dev/block/${major}:${minor}`;
}

function readNumber(file: string): number | undefined {
  try {
    const value = Number(readFileSync(file, 'ascii'));
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Node has no ioctl, so the size comes from sysfs. */
function blockDeviceBytes(word: BackingWord, rdev: number): number {
  const sectors = readNumber(`${sysBlock(rdev)}/size`);
  if (sectors === undefined)
    throw new RqdmError('ERR_RQDM_OPEN', `${word.word}: ${sysBlock(rdev)}/size does not tell the size of this block device`);
  return sectors * 512;
}

function blockQueue(rdev: number): { logical: number; physical: number; isRotational: boolean } {
  // A partition has no queue of its own: its disk is the folder above.
  const read = (name: string): number | undefined =>
    readNumber(`${sysBlock(rdev)}/queue/${name}`) ?? readNumber(`${sysBlock(rdev)}/../queue/${name}`);
  return {
    logical: read('logical_block_size') ?? 512,
    physical: read('physical_block_size') ?? 512,
    isRotational: read('rotational') === 1,
  };
}

function isRemote(name: string): boolean {
  if (process.platform !== 'linux') return false;
  try {
    return REMOTE_FILE_SYSTEMS.has(statfsSync(name).type >>> 0);
  } catch {
    return true; // unknown: better not on the main thread
  }
}

function typeName(stat: Stats): string {
  if (stat.isDirectory()) return 'a directory';
  if (stat.isCharacterDevice()) return 'a character device';
  if (stat.isFIFO()) return 'a pipe';
  if (stat.isSocket()) return 'a socket';
  return 'something else';
}
