// `null:SIZE` answers at once and holds nothing: reads give zeros, writes vanish.

import { OPERATION_FLUSH, OPERATION_WRITE, STATUS_BEYOND_END, STATUS_OK, STATUS_READ_ONLY } from '../../../assembly/abi.ts';
import type { Backend } from './backend.ts';
import { fillZeros } from './zeros.ts';

export interface NullDescription {
  readonly kind: 'null';
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
}

export class NullBackend implements Backend {
  goodBytes = 0;
  readonly #sizeBytes: number;
  readonly #isReadOnly: boolean;

  constructor(description: NullDescription) {
    this.#sizeBytes = description.sizeBytes;
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
    if (position + bytes > this.#sizeBytes) return STATUS_BEYOND_END;
    if (operation === OPERATION_WRITE) return this.#isReadOnly ? STATUS_READ_ONLY : STATUS_OK;
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
}
