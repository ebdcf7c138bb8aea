// The contract of a path, over every backend, loop and wrapper.

import { truncateSync } from 'node:fs';
import { suite } from 'uvu';
import { ShareJudges } from '../../bindings/path/share-judge.ts';
import { pathContract } from '../contract/path.ts';
import type { PathBench } from '../support/sink.ts';
import { EagerJudge } from './eager-judge.ts';

const test = suite('path: contract');

function zeros(bench: PathBench, sizeBytes: number): string {
  const name = bench.file('disk.img', 0);
  truncateSync(name, sizeBytes);
  return name;
}

for (const mode of ['inline', 'worker', 'auto'] as const) {
  pathContract(test, { name: `file, ${mode}`, open: (bench, size) => bench.open(zeros(bench, size), mode) });
  pathContract(test, { name: `mem, ${mode}`, open: (bench, size) => bench.open(`mem:a?size=${size}&mode=${mode}`) });
  pathContract(test, {
    name: `null, ${mode}`,
    keepsData: false,
    open: (bench, size) => bench.open(`null:${size}?mode=${mode}`),
  });
  pathContract(test, {
    name: `file with delay and error, ${mode}`,
    open: (bench, size) => bench.open(`${zeros(bench, size)}?delay=100us+1us/KiB&serial=s&error=io@9000000&switch=a`, mode),
  });
}
// Every batch is shared with a worker, even those of one I/O.
for (const word of ['file', 'mem'] as const) {
  pathContract(test, {
    name: `${word}, shared`,
    open(bench, size) {
      Object.assign(bench.pool, { judges: new ShareJudges(() => new EagerJudge()) });
      return bench.open(word === 'file' ? zeros(bench, size) : `mem:a?size=${size}&mode=auto`, 'auto');
    },
  });
}
pathContract(test, { name: 'null, instant', keepsData: false, open: (bench, size) => bench.open(`null:${size}`) });
pathContract(test, { name: 'mem with delay', open: (bench, size) => bench.open(`mem:a?size=${size}&delay=50us`) });

test.run();
