// The same work by this library: waves of the batch call, or a promise for each I/O.

import {
  type DeviceMapper,
  type IoBatch,
  type Lease,
  type MappedDevice,
  OPERATION_READ,
  OPERATION_WRITE,
} from '../../bindings/index.ts';
import type { FileLoad } from './file-baseline.ts';

/** I/Os a second in waves: `depth` are submitted together, and when all have ended the next ones. */
export async function measureBatches(mapper: DeviceMapper, device: MappedDevice, load: FileLoad): Promise<number> {
  const { depth, blockBytes, durationMs, nextPlace } = load;
  using lease = mapper.lease(depth * blockBytes) as Lease;
  lease.bytes.fill(1);
  const batch: IoBatch = {
    count: depth,
    operations: new Uint8Array(depth).fill(load.isWrite ? OPERATION_WRITE : OPERATION_READ),
    positions: new Float64Array(depth),
    lengths: new Uint32Array(depth).fill(blockBytes),
    addresses: Uint32Array.from({ length: depth }, (_, i) => lease.address + i * blockBytes),
    statuses: new Uint8Array(depth),
  };
  const start = performance.now();
  const end = start + durationMs;
  let done = 0;
  while (performance.now() < end) {
    for (let i = 0; i < depth; i++) batch.positions[i] = nextPlace();
    const failed = await device.batch(batch);
    if (failed > 0) throw new Error(`bench file: ${failed} of ${depth} I/Os failed`);
    done += depth;
  }
  return (done * 1000) / (performance.now() - start);
}

/** I/Os a second by `readInto` or `write`: each that ends starts the next. */
export async function measureReadInto(device: MappedDevice, load: FileLoad): Promise<number> {
  const { depth, blockBytes, durationMs, nextPlace } = load;
  const start = performance.now();
  const end = start + durationMs;
  let done = 0;
  const run = async (): Promise<void> => {
    const buffer = Buffer.alloc(blockBytes, 1);
    while (performance.now() < end) {
      if (load.isWrite) await device.write(buffer, nextPlace());
      else await device.readInto(buffer, nextPlace());
      done++;
    }
  };
  await Promise.all(Array.from({ length: depth }, run));
  return (done * 1000) / (performance.now() - start);
}
