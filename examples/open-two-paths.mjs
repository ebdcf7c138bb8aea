// One file by two paths: small reads of one turn become few large requests, spread over both.
//
//   node examples/open-two-paths.mjs

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDevice } from 'rqdm';

const folder = await mkdtemp(join(tmpdir(), 'rqdm-example-'));
const file = join(folder, 'disk.img');
try {
  await writeFile(file, Buffer.alloc(1024 * 1024));
  // `#a` and `#b` tell the two paths to the same file apart.
  const device = await openDevice([`${file}#a`, `${file}#b`], { selector: 'service-time' });

  // Eight runs of eight blocks: what is asked for before the next turn of the event loop may merge.
  const places = Array.from({ length: 64 }, (_, i) => Math.floor(i / 8) * 128 * 1024 + (i % 8) * 4096);
  const blocks = places.map((_, i) => Buffer.alloc(4096, i + 1));
  await Promise.all(blocks.map((block, i) => device.write(block, places[i])));
  const read = await Promise.all(places.map((place) => device.read(place, 4096)));

  const same = read.filter((bytes, i) => bytes.equals(blocks[i])).length;
  const { bios, requests, paths } = device.stats();
  const shares = paths.map(({ issued }) => issued).join(' + ');
  console.log(`${same} of 64 blocks read back as written`);
  console.log(`${bios} bios went as ${requests} requests, by path ${shares}`);
  await device.flush();
  await device.close();
} finally {
  await rm(folder, { recursive: true });
}
