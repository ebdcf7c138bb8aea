// Part of bench `memory`: whether memory stays flat while millions of I/Os pass. Most go by the batch call, some by
// promises, in the same process; what the heap and all buffers hold is compared with what they held after the first tenth.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DeviceMapper, type IoBatch, type Lease, OPERATION_READ, OPERATION_WRITE } from '../../bindings/index.ts';
import type { BenchContext, Result } from './bench.ts';
import { createRandom } from './places.ts';

const BLOCK_BYTES = 4096;
const DEPTH = 256;
const TENTHS = 10;
/** Of each tenth, this share goes by promises. */
const PROMISED_SHARE = 0.1;

export async function measureGrowth(context: BenchContext): Promise<Result[]> {
  const ios = context.isQuick ? 100_000 : 10_000_000;
  const collect = garbageCollector();
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:growth?size=64M#a', 'mem:growth?size=64M#b'], { selector: 'service-time' });
  const lease = mapper.lease(DEPTH * BLOCK_BYTES) as Lease;
  const random = createRandom(777);
  const blocks = device.size / BLOCK_BYTES;
  const place = (): number => Math.floor(random() * blocks) * BLOCK_BYTES;
  const batch: IoBatch = {
    count: DEPTH,
    operations: Uint8Array.from({ length: DEPTH }, (_, i) => (i % 4 === 0 ? OPERATION_WRITE : OPERATION_READ)),
    positions: new Float64Array(DEPTH),
    lengths: new Uint32Array(DEPTH).fill(BLOCK_BYTES),
    addresses: Uint32Array.from({ length: DEPTH }, (_, i) => lease.address + i * BLOCK_BYTES),
    statuses: new Uint8Array(DEPTH),
  };
  const buffers = Array.from({ length: DEPTH }, () => Buffer.alloc(BLOCK_BYTES));
  let early = 0;
  let late = 0;
  let done = 0;
  for (let tenth = 0; tenth < TENTHS; tenth++) {
    context.signal.throwIfAborted();
    context.say(`memory: ${tenth + 1} of ${TENTHS} tenths of ${ios} I/Os`);
    const end = ((tenth + 1) * ios) / TENTHS;
    const promisedEnd = done + (end - done) * PROMISED_SHARE;
    for (; done < promisedEnd; done += DEPTH) await Promise.all(buffers.map((buffer) => device.readInto(buffer, place())));
    for (; done < end; done += DEPTH) {
      for (let i = 0; i < DEPTH; i++) batch.positions[i] = place();
      const failed = await device.batch(batch);
      if (failed > 0) throw new Error(`bench memory: ${failed} I/Os failed`);
    }
    late = await held(collect);
    if (tenth === 0) early = late;
  }
  lease.release();
  return [
    { name: 'memory.ios', value: done, unit: 'I/Os' },
    { name: 'memory.growth', value: Math.max(0, late - early), unit: 'bytes', reach: { atMost: 2 ** 20 } },
  ];
}

/** What heap and buffers hold once what is dead is gone. */
async function held(collect: () => void): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
