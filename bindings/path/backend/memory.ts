// `mem:NAME?size=64M`: a shared buffer, the same one for all who name it.
//
// DISCARD and WRITE_ZEROES leave zeros. Nothing is held back, so a FUA write is as any other; with `cache=NAME` the path
// says that it has a cache, and flushes are asked for and answered, so that caches can be tried out without a disk.

import {
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_BEYOND_END,
  STATUS_NOTSUPP,
  STATUS_OK,
  STATUS_READ_ONLY,
} from '../../../assembly/abi.ts';
import { RqdmError } from '../../errors.ts';
import { isAble, OPERATION_MASK, rangeSector, rangeSectors } from '../operation.ts';
import type { Backend } from './backend.ts';
import { fillZeros } from './zeros.ts';

export interface MemoryDescription {
  readonly kind: 'memory';
  /** On shared memory where a worker is to use it. */
  readonly memory: Uint8Array;
  readonly isReadOnly: boolean;
  /** `ABILITY_*` bits. */
  readonly abilities: number;
}

export class MemoryBackend implements Backend {
  goodBytes = 0;
  readonly #memory: Uint8Array;
  readonly #isReadOnly: boolean;
  readonly #abilities: number;

  constructor(description: MemoryDescription) {
    this.#memory = description.memory;
    this.#isReadOnly = description.isReadOnly;
    this.#abilities = description.abilities;
  }

  perform(
    arena: Uint8Array,
    word: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number {
    const operation = word & OPERATION_MASK;
    const memory = this.#memory;
    this.goodBytes = 0;
    if (operation !== OPERATION_READ && operation !== OPERATION_WRITE)
      return this.#performWithoutPayload(operation, position, bytes, segments, table, index);
    if (position + bytes > memory.length) return STATUS_BEYOND_END;
    if (operation === OPERATION_WRITE && this.#isReadOnly) return STATUS_READ_ONLY;
    if (segments === 1) {
      if (operation === OPERATION_READ) arena.set(memory.subarray(position, position + bytes), address);
      else memory.set(arena.subarray(address, address + bytes), position);
      return STATUS_OK;
    }
    const end = position + bytes;
    let at = position;
    for (let i = index; i < index + segments && at < end; i++) {
      const place = table[2 * i];
      const piece = Math.min(end - at, table[2 * i + 1]);
      if (operation === OPERATION_READ) arena.set(memory.subarray(at, at + piece), place);
      else memory.set(arena.subarray(place, place + piece), at);
      at += piece;
    }
    return STATUS_OK;
  }

  #performWithoutPayload(
    operation: number,
    position: number,
    bytes: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number {
    if (operation === OPERATION_FLUSH) return STATUS_OK;
    if (!isAble(this.#abilities, operation)) return STATUS_NOTSUPP;
    if (this.#isReadOnly) return STATUS_READ_ONLY;
    if (segments <= 1 || operation !== OPERATION_DISCARD) return this.#zero(position, bytes);
    for (let i = 0; i < segments; i++) {
      const pair = index + 2 * i;
      const status = this.#zero(rangeSector(table, pair) * 512, rangeSectors(table, pair) * 512);
      if (status !== STATUS_OK) return status;
    }
    return STATUS_OK;
  }

  #zero(position: number, bytes: number): number {
    if (position + bytes > this.#memory.length) return STATUS_BEYOND_END;
    fillZeros(this.#memory, position, bytes);
    this.goodBytes += bytes;
    return STATUS_OK;
  }
}

/** The memories of a mapper by name, scheme included (`mem:a`). One lives as long as a path holds it. */
export class MemoryRegistry {
  readonly #memories = new Map<string, { readonly buffer: SharedArrayBuffer; holders: number }>();

  /** Without `sizeBytes` the memory must exist. Throws `ERR_RQDM_WORD` when sizes contradict. */
  hold(name: string, sizeBytes: number | undefined): SharedArrayBuffer {
    const known = this.#memories.get(name);
    if (known !== undefined) {
      if (sizeBytes !== undefined && sizeBytes !== known.buffer.byteLength) {
        throw new RqdmError(
          'ERR_RQDM_WORD',
          `${name} exists with ${known.buffer.byteLength} bytes: expected the same size, not ${sizeBytes}`,
        );
      }
      known.holders++;
      return known.buffer;
    }
    if (sizeBytes === undefined) {
      throw new RqdmError('ERR_RQDM_WORD', `${name} does not exist yet: expected a size, as in ${name}?size=64M`);
    }
    let buffer: SharedArrayBuffer;
    try {
      buffer = new SharedArrayBuffer(sizeBytes);
    } catch (cause) {
      throw new RqdmError('ERR_RQDM_OPEN', `${name}: no memory of ${sizeBytes} bytes could be had`, { cause });
    }
    this.#memories.set(name, { buffer, holders: 1 });
    return buffer;
  }

  letGo(name: string): void {
    const known = this.#memories.get(name);
    if (known !== undefined && --known.holders === 0) this.#memories.delete(name);
  }

  get size(): number {
    return this.#memories.size;
  }
}
