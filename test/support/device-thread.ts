// A thread of a user that has a device of its own: opens it over two paths with workers, writes, reads, closes.

import { parentPort, workerData } from 'node:worker_threads';
import { DeviceMapper, openDevice } from '../../bindings/index.ts';

interface Order {
  readonly file: string;
  /** Leave the default mapper open and let the thread end by itself. */
  readonly leavesOpen: boolean;
}

const { file, leavesOpen } = workerData as Order;
const words = [`${file}?mode=worker#1`, `${file}?mode=worker#2`];
const mapper = leavesOpen ? undefined : new DeviceMapper();
const device = await (mapper ? mapper.openDevice(words) : openDevice(words));
const bytes = new Uint8Array(65536).fill(workerData.fill as number);
await device.write(bytes, 65536);
await device.flush();
const read = await device.read(65536, 65536);
const paths = device.stats().paths.length;
await mapper?.close();
parentPort?.postMessage({ isSame: Buffer.compare(read, bytes) === 0, paths });
