// The file under the device, made and checked by plain calls of the system: the demo does not believe the device when it
// says what the file holds.

import { open } from 'node:fs/promises';
import { BLOCK_BYTES, type BlockModel } from './blocks.ts';

const CHUNK_BLOCKS = 256;

/** Writes what the model says into a new file. */
export async function makeFile(name: string, model: BlockModel): Promise<void> {
  const file = await open(name, 'wx');
  try {
    await eachChunk(model.count, async (first, count, chunk) => {
      for (let i = 0; i < count; i++) model.fill(blockOf(chunk, i), first + i);
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await file.write(chunk, done, chunk.length - done, first * BLOCK_BYTES + done);
        done += bytesWritten;
      }
    });
  } finally {
    await file.close();
  }
}

/** Reads the whole file and compares it with the model; blocks of which nobody knows what they hold are left out. */
export async function checkFile(name: string, model: BlockModel): Promise<{ verifiedBytes: number; wrongBytes: number }> {
  const result = { verifiedBytes: 0, wrongBytes: 0 };
  const file = await open(name, 'r');
  try {
    await eachChunk(model.count, async (first, count, chunk) => {
      chunk.fill(0);
      for (let done = 0; done < chunk.length; ) {
        const { bytesRead } = await file.read(chunk, done, chunk.length - done, first * BLOCK_BYTES + done);
        if (bytesRead === 0) break; // a file that was cut off is wrong by what is missing
        done += bytesRead;
      }
      for (let i = 0; i < count; i++) {
        if (model.unknown.has(first + i)) continue;
        result.verifiedBytes += BLOCK_BYTES;
        result.wrongBytes += model.wrongBytes(blockOf(chunk, i), first + i);
      }
    });
  } finally {
    await file.close();
  }
  return result;
}

function blockOf(chunk: Buffer, index: number): Buffer {
  return chunk.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
}

async function eachChunk(blocks: number, visit: (first: number, count: number, chunk: Buffer) => Promise<void>): Promise<void> {
  const memory = Buffer.alloc(CHUNK_BLOCKS * BLOCK_BYTES);
  for (let first = 0; first < blocks; first += CHUNK_BLOCKS) {
    const count = Math.min(CHUNK_BLOCKS, blocks - first);
    await visit(first, count, memory.subarray(0, count * BLOCK_BYTES));
  }
}
