// From a live device to the laboratory: its load is recorded, and then replayed over modelled storage that loses a path.
//
//   node examples/record-and-simulate.mjs

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceMapper } from 'rqdm';
import { simulate } from 'rqdm/simulate';
import { openTrace, recordTrace, summarizeTrace } from 'rqdm/trace';

const folder = mkdtempSync(join(tmpdir(), 'rqdm-example-'));
const file = join(folder, 'load.trace');
try {
  // A device with a load: sixteen neighbours are read at once, then one block is written, forty times.
  const mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:disk?size=64M#a', 'mem:disk?size=64M#b']);
  const recording = await recordTrace(device, file);
  for (let turn = 0; turn < 40; turn++) {
    const begin = turn * 2 ** 20;
    await Promise.all(Array.from({ length: 16 }, (_, i) => device.read(begin + i * 4096, 4096)));
    await device.write(Buffer.alloc(4096, turn), begin);
  }
  const { records, lost } = await recording.stop();
  await mapper.close();
  const { reads, writes } = await summarizeTrace(await openTrace(file));
  console.log(`${records} I/Os recorded, ${lost} lost: ${reads} reads, ${writes} writes`);

  // The same load where a path takes four calls at a time and one path is lost: does it matter when I/O is merged?
  const runs = await simulate({
    name: 'from the live device',
    load: { trace: file, loop: 'closed', depth: 64, batch: 16 },
    storage: { ssd: { model: 'nvme-970pro', size: '64M' } },
    paths: { a: { to: 'ssd', link: 'iscsi-10g', depth: 4 }, b: { to: 'ssd', link: 'iscsi-10g', depth: 4 } },
    script: [{ when: { ios: 300 }, path: 'a', do: 'down' }],
    fast_io_fail_tmo: '10ms',
    variants: ['request', 'bio'].map((mapping) => ({ name: mapping, map: { selector: 'round-robin', mapping } })),
  });
  for (const { variant, result } of runs) {
    if (result instanceof Error) throw result;
    const calls = result.paths.reduce((sum, { ios }) => sum + ios, 0);
    const [{ recoveredSeconds }] = result.failovers;
    console.log(
      `${variant}-based: ${calls} calls for ${result.ios} I/Os, the loss was felt for ${recoveredSeconds.toFixed(4)} s`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
