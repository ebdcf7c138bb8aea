// The batch call: typed arrays in, statuses out, no object and no promise for each I/O.
//
//   node examples/batch.mjs

import { DeviceMapper, OPERATION_READ, OPERATION_WRITE } from 'rqdm';

const BLOCKS = 256;
const BYTES = 4096;

const mapper = new DeviceMapper();
const device = await mapper.openDevice('mem:batch?size=16M');
// Payload lies in a lease of the mapper's arena: nothing is copied on the way to a path.
const lease = mapper.lease(BLOCKS * BYTES);
const batch = {
  count: BLOCKS,
  operations: new Uint8Array(BLOCKS).fill(OPERATION_WRITE),
  positions: Float64Array.from({ length: BLOCKS }, (_, i) => i * BYTES),
  lengths: new Uint32Array(BLOCKS).fill(BYTES),
  addresses: Uint32Array.from({ length: BLOCKS }, (_, i) => lease.address + i * BYTES),
  statuses: new Uint8Array(BLOCKS),
};

lease.bytes.fill(0x5a);
const failedWrites = await device.batch(batch);

// The arrays are ours again: the same places, read this time.
lease.bytes.fill(0);
batch.operations.fill(OPERATION_READ);
const failedReads = await device.batch(batch);

const right = lease.bytes.every((byte) => byte === 0x5a);
const { requests, meanRequestBytes } = device.stats();
console.log(`${2 * BLOCKS} I/Os, ${failedWrites + failedReads} failed, the bytes are ${right ? 'right' : 'wrong'}`);
console.log(`they went as ${requests} requests of ${meanRequestBytes / 1024} KiB on average`);
lease.release();
await mapper.close();
