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

/** Wrappers that let everything pass, each at its work. */
const WRAPPERS = 'delay=100us+1us/KiB&serial=s&error=io@9000000&switch=a&flaky=1:0.000001%&tear=1/1000000&hang=h';

for (const mode of ['inline', 'worker', 'auto'] as const) {
  pathContract(test, { name: `file, ${mode}`, open: (bench, size) => bench.open(zeros(bench, size), mode) });
  pathContract(test, {
    name: `file that discards, ${mode}`,
    open: (bench, size) => bench.open(`${zeros(bench, size)}?discard=zeros&discard_segments=8&fua=1`, mode),
  });
  pathContract(test, { name: `mem, ${mode}`, open: (bench, size) => bench.open(`mem:a?size=${size}&mode=${mode}`) });
  pathContract(test, {
    name: `mem without discards and zeroes, ${mode}`,
    open: (bench, size) => bench.open(`mem:a?size=${size}&mode=${mode}&discard=none&write_zeroes=none`),
  });
  pathContract(test, {
    name: `null, ${mode}`,
    keepsData: false,
    open: (bench, size) => bench.open(`null:${size}?mode=${mode}`),
  });
  pathContract(test, {
    name: `file under all wrappers, ${mode}`,
    open: (bench, size) => bench.open(`${zeros(bench, size)}?discard=zeros&${WRAPPERS}`, mode),
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
pathContract(test, { name: 'mem under all wrappers', open: (bench, size) => bench.open(`mem:a?size=${size}&${WRAPPERS}`) });
pathContract(test, { name: 'sim', open: (bench, size) => bench.open(`sim:a?size=${size}&service=20us+1us/KiB&seed=1`) });
pathContract(test, {
  name: 'sim that keeps nothing, under all wrappers',
  keepsData: false,
  open: (bench, size) => bench.open(`sim:a?size=${size}&servers=4&data=0&${WRAPPERS}`),
});
pathContract(test, { name: 'mem with delay', open: (bench, size) => bench.open(`mem:a?size=${size}&delay=50us`) });

test.run();
