// `mem:NAME?size=64M`: a shared buffer, the same one for all who name it.

import {
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_BEYOND_END,
  STATUS_OK,
  STATUS_READ_ONLY,
} from '../../../assembly/abi.ts';
import { RqdmError } from '../../errors.ts';
import type { Backend } from './backend.ts';

export interface MemoryDescription {
  readonly kind: 'memory';
  readonly buffer: SharedArrayBuffer;
  readonly isReadOnly: boolean;
}

export class MemoryBackend implements Backend {
  goodBytes = 0;
  readonly #memory: Uint8Array;
  readonly #isReadOnly: boolean;

  constructor(description: MemoryDescription) {
    this.#memory = new Uint8Array(description.buffer);
    this.#isReadOnly = description.isReadOnly;
  }

  perform(
    arena: Uint8Array,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number {
    if (operation === OPERATION_FLUSH) return STATUS_OK;
    const memory = this.#memory;
    this.goodBytes = 0;
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
}

/** The memories of a mapper by name. One lives as long as a path holds it. */
export class MemoryRegistry {
  readonly #memories = new Map<string, { readonly buffer: SharedArrayBuffer; holders: number }>();

  /** Without `sizeBytes` the memory must exist. Throws `ERR_RQDM_WORD` when sizes contradict. */
  hold(name: string, sizeBytes: number | undefined): SharedArrayBuffer {
    const known = this.#memories.get(name);
    if (known !== undefined) {
      if (sizeBytes !== undefined && sizeBytes !== known.buffer.byteLength) {
        throw new RqdmError(
          'ERR_RQDM_WORD',
          `mem:${name} exists with ${known.buffer.byteLength} bytes: expected the same size, not ${sizeBytes}`,
        );
      }
      known.holders++;
      return known.buffer;
    }
    if (sizeBytes === undefined) {
      throw new RqdmError('ERR_RQDM_WORD', `mem:${name} does not exist yet: expected a size, as in mem:${name}?size=64M`);
    }
    let buffer: SharedArrayBuffer;
    try {
      buffer = new SharedArrayBuffer(sizeBytes);
    } catch (cause) {
      throw new RqdmError('ERR_RQDM_OPEN', `mem:${name}: no memory of ${sizeBytes} bytes could be had`, { cause });
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
