// Another table under load: a device begins with one path and is given a second one, and no I/O notices.
//
//   node examples/swap-table.mjs

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceMapper, multipath } from 'rqdm';

const folder = await mkdtemp(join(tmpdir(), 'rqdm-example-'));
const file = join(folder, 'disk.img');
const mapper = new DeviceMapper();
try {
  await writeFile(file, Buffer.alloc(1024 * 1024));
  const device = await mapper.createDevice({ name: 'disk', table: multipath({ groups: [{ paths: [`${file}#a`] }] }) });

  let isRunning = true;
  let done = 0;
  const load = async (position) => {
    for (; isRunning; done++) await device.write(Buffer.alloc(4096, done), position);
  };
  const loads = [0, 1, 2, 3].map((i) => load(i * 4096));

  // The new table waits in the inactive slot; suspend lets what is in flight end, resume swaps and goes on.
  device.load(multipath({ groups: [{ paths: [`${file}#a`, `${file}#b`] }] }));
  await device.suspend();
  const before = done;
  console.log(`suspended after ${device.stats().paths.length} path; what is written now waits`);
  await device.resume();

  while (done < before + 1000) await new Promise((resolve) => setTimeout(resolve, 1));
  isRunning = false;
  await Promise.all(loads); // would reject if a single write had failed
  console.log(`no write failed, and now ${device.stats().paths.length} paths take them`);
} finally {
  await mapper.close();
  await rm(folder, { recursive: true });
}
