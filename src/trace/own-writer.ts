// rqdm's own trace, block by block (its layout: format/rqdm.ts).

import { crc32 } from 'node:zlib';
import {
  KIND_DEVICES,
  KIND_END,
  KIND_RECORDS,
  paddedTo8,
  RQDM_BLOCK_BYTES,
  RQDM_BODY_MAX,
  RQDM_HEADER_BYTES,
  RQDM_MAGIC,
  RQDM_TIMED,
  RQDM_VERSION,
} from './format/rqdm.ts';
import { BATCH_RECORDS, RECORD_BYTES, RecordBatch } from './records.ts';

const BLANK = 32;

export class OwnWriter {
  total = 0;
  #names = 0;
  #block: RecordBatch = new RecordBatch(BATCH_RECORDS);

  /** The first bytes of a file. */
  begin(isTimed: boolean, beganSeconds: number | undefined): Buffer {
    const header = Buffer.alloc(RQDM_HEADER_BYTES);
    header.write(RQDM_MAGIC, 'latin1');
    header.writeUInt32LE(RQDM_VERSION, 8);
    header.writeUInt32LE(isTimed ? RQDM_TIMED : 0, 12);
    header.writeDoubleLE(beganSeconds ?? Number.NaN, 16);
    return header;
  }

  /** Takes records of devices that are named so; returns the blocks that became full. */
  write(batch: RecordBatch, devices: readonly string[]): Buffer[] {
    const blocks = this.#deviceBlocks(devices);
    for (let row = 0; row < batch.count; row++) {
      this.#block.append(batch, row);
      if (this.#block.count === BATCH_RECORDS) blocks.push(this.#flush());
    }
    return blocks;
  }

  /** The last bytes of a file. `skipped`: how many records were left out on the way here. */
  end(skipped: number): Buffer[] {
    const blocks = this.#block.count > 0 ? [this.#flush()] : [];
    const totals = Buffer.alloc(16);
    totals.writeDoubleLE(this.total);
    totals.writeDoubleLE(skipped, 8);
    return [...blocks, block(KIND_END, 0, totals)];
  }

  #deviceBlocks(devices: readonly string[]): Buffer[] {
    const blocks: Buffer[] = [];
    while (this.#names < devices.length) {
      // a block holds as many as it has room for, at six bytes for the worst character
      let end = this.#names;
      let bytes = 2;
      while (end < devices.length && bytes < RQDM_BODY_MAX / 2) bytes += 6 * (devices[end++] as string).length + 3;
      const names = devices.slice(this.#names, end);
      const text = Buffer.from(JSON.stringify(names));
      blocks.push(
        block(KIND_DEVICES, names.length, Buffer.concat([text, Buffer.alloc(paddedTo8(text.length) - text.length, BLANK)])),
      );
      this.#names = end;
    }
    return blocks;
  }

  #flush(): Buffer {
    const { count } = this.#block;
    const body = new ArrayBuffer(paddedTo8(count * RECORD_BYTES));
    const packed = new RecordBatch(count, body);
    for (let row = 0; row < count; row++) packed.append(this.#block, row);
    this.#block.count = 0;
    this.total += count;
    return block(KIND_RECORDS, count, Buffer.from(body));
  }
}

function block(kind: number, count: number, body: Buffer): Buffer {
  const header = Buffer.alloc(RQDM_BLOCK_BYTES);
  header.writeUInt32LE(kind, 0);
  header.writeUInt32LE(count, 4);
  header.writeUInt32LE(body.length, 8);
  header.writeUInt32LE(crc32(body), 12);
  header.writeUInt32LE(crc32(header.subarray(0, 16)), 16);
  return Buffer.concat([header, body]);
}
