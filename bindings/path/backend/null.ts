// `null:SIZE` answers at once and holds nothing: reads give zeros, writes vanish, and so do discards.

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
import { isAble, OPERATION_MASK, rangeSector, rangeSectors } from '../operation.ts';
import type { Backend } from './backend.ts';
import { fillZeros } from './zeros.ts';

export interface NullDescription {
  readonly kind: 'null';
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  /** `ABILITY_*` bits. */
  readonly abilities: number;
}

export class NullBackend implements Backend {
  goodBytes = 0;
  readonly #sizeBytes: number;
  readonly #isReadOnly: boolean;
  readonly #abilities: number;

  constructor(description: NullDescription) {
    this.#sizeBytes = description.sizeBytes;
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
    this.goodBytes = 0;
    if (operation === OPERATION_FLUSH) return STATUS_OK;
    if (operation !== OPERATION_READ) return this.#swallow(operation, position, bytes, segments, table, index);
    if (position + bytes > this.#sizeBytes) return STATUS_BEYOND_END;
    if (segments === 1) {
      fillZeros(arena, address, bytes);
      return STATUS_OK;
    }
    let left = bytes;
    for (let i = index; i < index + segments && left > 0; i++) {
      const piece = Math.min(left, table[2 * i + 1]);
      fillZeros(arena, table[2 * i], piece);
      left -= piece;
    }
    return STATUS_OK;
  }

  #swallow(operation: number, position: number, bytes: number, segments: number, table: Uint32Array, index: number): number {
    if (operation !== OPERATION_WRITE && !isAble(this.#abilities, operation)) return STATUS_NOTSUPP;
    if (this.#isReadOnly) return STATUS_READ_ONLY;
    const ranges = operation === OPERATION_DISCARD && segments > 1 ? segments : 0;
    if (ranges === 0) return position + bytes > this.#sizeBytes ? STATUS_BEYOND_END : STATUS_OK;
    for (let i = 0; i < ranges; i++) {
      const pair = index + 2 * i;
      if ((rangeSector(table, pair) + rangeSectors(table, pair)) * 512 > this.#sizeBytes) return STATUS_BEYOND_END;
      this.goodBytes += rangeSectors(table, pair) * 512;
    }
    return STATUS_OK;
  }
}
