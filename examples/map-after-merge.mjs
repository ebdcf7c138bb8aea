// Map after merge against merge after map, on three real traces: `node examples/map-after-merge.mjs`, after a build.
//
// Each trace runs request-based (one elevator above the map) and bio-based (an elevator on each path below it), over 2, 4
// and 8 paths, to a disk and to an SSD, by `rqdm simulate`. A task submits 32 I/Os at once and has 128 in flight. A path
// to the disk takes one command at a time; in the rows "deep" it takes 32, and I/Os come one by one: nothing queues above
// the paths, so there is nothing to merge, and the disk sorts (it chooses among 32 commands).
//
// The traces are taken from ../shared/traces; without it, jobs of the same kind take their place, and the table says so.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));
const traces = join(here, '..', 'shared', 'traces');
const isReal = existsSync(traces);

const LOADS = {
  sequential: { file: 'blktrace/hdfs-e10', job: { rw: 'read', bs: '256k', size: '5G' } },
  mixed: { file: 'blkreplay/linux-mysql.load.gz', job: { rw: 'randrw', bs: '16k', rwmixread: 10 } },
  random: { file: 'ascii/ucare-traceB.trace', job: { rw: 'randread', bs: '1k' } },
};
const STORAGE = {
  disk: { model: 'nearline-7200', size: '4T', link: 'fc-8g', depth: 1, batch: 32 },
  'disk, deep': { model: 'nearline-7200', size: '4T', link: 'fc-8g', depth: 32, batch: 1 },
  ssd: { model: 'nvme-970pro', size: '1T', link: 'iscsi-10g', depth: 32, batch: 32 },
};
const PATHS = [2, 4, 8];
const IOS = 20_000;

function variantsOf() {
  const variants = [];
  for (const [load, { file, job }] of Object.entries(LOADS)) {
    for (const [storage, { model, size, link, depth, batch }] of Object.entries(STORAGE)) {
      for (const count of PATHS) {
        for (const mapping of ['request', 'bio']) {
          variants.push({
            name: `${load}.${storage.replace(', ', '-')}.${count}.${mapping}`,
            load: isReal
              ? { trace: join(traces, file), loop: 'closed', depth: 128, batch, limit: IOS }
              : { ...job, iodepth: 128, iodepth_batch: batch, iodepth_batch_complete_min: batch, number_ios: IOS },
            storage: { array: { model, size } },
            paths: Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, { to: 'array', link, depth }])),
            map: { selector: 'round-robin', mapping },
          });
        }
      }
    }
  }
  return variants;
}

const folder = mkdtempSync(join(tmpdir(), 'rqdm-example-'));
try {
  const file = join(folder, 'scenario.json');
  writeFileSync(file, JSON.stringify({ name: 'map after merge', variants: variantsOf() }));
  const cli = join(here, 'build', 'src', 'cli.js');
  const output = execFileSync(process.execPath, [cli, 'simulate', file, '--json'], { maxBuffer: 2 ** 28 });
  const results = new Map(JSON.parse(output).results.map((result) => [result.variant, result]));

  console.log(`I/Os a second, request-based over bio-based, round-robin (${isReal ? 'real traces' : 'synthetic loads'})`);
  console.log(
    `${''.padEnd(26)}${PATHS.map((count) => `${count} paths`.padStart(10)).join('')}   bios a request at ${PATHS[0]} paths`,
  );
  for (const load of Object.keys(LOADS)) {
    for (const storage of Object.keys(STORAGE)) {
      const cell = (count, mapping) => results.get(`${load}.${storage.replace(', ', '-')}.${count}.${mapping}`);
      const ratios = PATHS.map((count) => cell(count, 'request').iops / cell(count, 'bio').iops);
      const merged = (mapping) => {
        const { devices, paths } = cell(PATHS[0], mapping);
        return (devices[0].bios / paths.reduce((sum, { ios }) => sum + ios, 0)).toFixed(2);
      };
      const texts = ratios.map((ratio) => `${ratio.toFixed(2)} ×`.padStart(10)).join('');
      console.log(`${`${load}, ${storage}`.padEnd(26)}${texts}   ${merged('request')} and ${merged('bio')}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
