import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BATCH_RECORDS } from '../../src/trace/records.ts';
import { loadTrace, residentFrom } from '../../src/trace/resident.ts';
import { plain, readAll } from '../support/read-trace.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const RECORDS = BATCH_RECORDS + 100;

function writeTrace(file: string): void {
  const lines = Array.from({ length: RECORDS }, (_, i) => `${i}.000001 ${i % 3} ${i * 8} 8 ${i % 2}`);
  writeFileSync(file, `${lines.join('\n')}\nno line of it\n`);
}

test('a resident trace is what reading it gives, the second time out of the cache', async () => {
  using folder = new TemporaryFolder();
  const file = join(folder.path, 'a.trace');
  const cache = join(folder.path, 'cache');
  writeTrace(file);
  const first = await loadTrace(file, { cache });
  const second = await loadTrace(file, { cache });
  assert.equal([first.isCached, second.isCached, first.skipped, second.skipped], [false, true, 1, 1]);
  assert.equal([first.count, first.batches.length, second.hash], [RECORDS, 2, first.hash]);
  const { all } = await readAll(file);
  const joined = second.batches
    .map((batch) => plain(batch))
    .reduce((one, other) => one.map((column, i) => [...column, ...(other[i] as number[])]));
  assert.equal(joined, plain(all));
  assert.equal(second.devices, ['0', '1', '2']);
  const otherwise = await loadTrace(file, { cache, format: 'ucare' });
  assert.is(otherwise.isCached, false);
});

test('a cached file that is damaged is made again', async () => {
  using folder = new TemporaryFolder();
  const file = join(folder.path, 'a.trace');
  const cache = join(folder.path, 'cache');
  writeTrace(file);
  await loadTrace(file, { cache });
  const kept = join(cache, readdirSync(cache)[0] as string);
  const bytes = readFileSync(kept);
  bytes[5000] = (bytes[5000] as number) ^ 1;
  writeFileSync(kept, bytes);
  const again = await loadTrace(file, { cache });
  assert.equal([again.isCached, again.count], [false, RECORDS]);
  assert.is(readdirSync(cache).length, 1);
});

test('a worker reads a resident trace in the memory it was given', async () => {
  using folder = new TemporaryFolder();
  const file = join(folder.path, 'a.trace');
  writeTrace(file);
  const { memory } = await loadTrace(file, { cache: join(folder.path, 'cache') });
  const resident = new URL('../../src/trace/resident.js', import.meta.url).href;
  const code = `import { parentPort, workerData } from 'node:worker_threads';
    import { residentFrom } from ${JSON.stringify(resident)};
    const { count, batches } = residentFrom(workerData, true);
    parentPort.postMessage([count, batches[1].sector[99]]);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: memory });
  const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.equal(answer, [RECORDS, (RECORDS - 1) * 8]);
  await worker.terminate();
});

test('memory that holds no trace, or part of one, is refused', () => {
  assert.throws(() => residentFrom(new SharedArrayBuffer(64)), /not a trace/);
});

test.run();
