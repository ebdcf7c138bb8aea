// Paths whose calls are held at the turn of a switch.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_OK,
  STATUS_TIMEOUT,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { DeviceMapper } from '../../bindings/index.ts';
import type { HangSwitch } from '../../bindings/path/fault/hang.ts';
import { PathBench, pattern } from '../support/sink.ts';

const test = suite('path: hang');

async function withBench(body: (bench: PathBench, cable: HangSwitch) => Promise<void>): Promise<void> {
  const bench = new PathBench();
  bench.arena.allocate(65536);
  try {
    await body(bench, bench.registries.hangs.get('cable'));
  } finally {
    await bench.close();
  }
}

test('calls of a hanging path are held, and performed in order when it is released', () =>
  withBench(async (bench, cable) => {
    const path = bench.open('mem:a?size=1M&hang=cable');
    const well = bench.open('mem:a');
    cable.hang();
    bench.arena.bytes.fill(1, 0, 512).fill(2, 512, 1024);
    const ids = [bench.issue(path, OPERATION_WRITE, 0, 512, 0), bench.issue(path, OPERATION_WRITE, 0, 512, 512)];
    path.kick();
    assert.equal([bench.sink.count, path.inFlight, cable.held], [0, 2, 2]);
    await bench.run(well, OPERATION_READ, 0, 512, [1024, 512]);
    assert.is(bench.arena.bytes[1024], 0, 'nothing is performed yet');
    const wakes = bench.sink.wakes;
    cable.release();
    for (const id of ids) assert.equal(bench.sink.only(id), { status: STATUS_OK, goodSectors: 1 });
    assert.ok(bench.sink.wakes > wakes);
    await bench.run(path, OPERATION_READ, 0, 512, [1024, 512]);
    assert.equal([bench.arena.bytes[1024], path.inFlight, cable.held], [2, 0, 0]);
  }));

test('scattered pieces and ranges are remembered, as their table is gone by then', () =>
  withBench(async (bench, cable) => {
    const path = bench.open(`${bench.file('disk', 65536)}?discard=zeros&hang=cable`);
    const data = pattern(65536);
    cable.hang();
    const read = bench.run(path, OPERATION_READ, 0, 2048, [8192, 512, 16384, 1536]);
    const ranges = [
      [0, 1],
      [9, 2],
    ] as const;
    bench.issueDiscard(path, 999, ranges);
    cable.release();
    assert.equal(await read, { status: STATUS_OK, goodSectors: 4 });
    assert.ok(Buffer.concat([bench.bytes(8192, 512), bench.bytes(16384, 1536)]).equals(data.subarray(0, 2048)));
    await bench.sink.until(2);
    assert.equal(bench.sink.only(999), { status: STATUS_OK, goodSectors: 3 });
    await bench.run(path, OPERATION_READ, 0, 8192, [0, 8192]);
    assert.ok(
      bench.bytes(0, 8192).equals(
        data
          .fill(0, 0, 512)
          .fill(0, 9 * 512, 11 * 512)
          .subarray(0, 8192),
      ),
    );
  }));

test('what is held may fail at its release, and later calls do not', () =>
  withBench(async (bench, cable) => {
    const path = bench.open('mem:a?size=1M&hang=cable');
    cable.hang();
    const id = bench.issue(path, OPERATION_FLUSH, 0, 0, 0);
    for (const none of ['gone', 0, -1, 256, 1.5]) assert.throws(() => cable.release(none), /no status.*transport/);
    assert.ok(cable.isHanging, 'a wrong word releases nothing');
    cable.release('transport');
    assert.equal(bench.sink.only(id), { status: STATUS_TRANSPORT, goodSectors: 0 });
    assert.is((await bench.run(path, OPERATION_READ, 0, 512, [0, 512])).status, STATUS_OK);
  }));

test('one switch holds all its paths, and no others', () =>
  withBench(async (bench, cable) => {
    const [one, two, other] = ['hang=cable#1', 'hang=cable#2', 'hang=other'].map((tail) => bench.open(`mem:a?size=1M&${tail}`));
    cable.hang();
    for (const path of [one, two, other]) bench.issue(path, OPERATION_READ, 0, 512, 0);
    assert.equal([bench.sink.count, cable.held, other.inFlight], [1, 2, 0]);
    cable.release();
    assert.is(bench.sink.count, 3);
  }));

test('closing a hanging path answers what it holds with a timeout, at once, and performs nothing later', () =>
  withBench(async (bench, cable) => {
    const path = bench.open('mem:a?size=1M&hang=cable');
    const well = bench.open('mem:a');
    cable.hang();
    bench.arena.bytes.fill(1, 0, 512);
    const id = bench.issue(path, OPERATION_WRITE, 0, 512, 0);
    await path.close(60_000);
    assert.equal(bench.sink.only(id), { status: STATUS_TIMEOUT, goodSectors: 0 });
    cable.release();
    await bench.run(well, OPERATION_READ, 0, 512, [512, 512]);
    assert.is(bench.arena.bytes[512], 0);
    assert.is(bench.sink.count, 2);
  }));

test('a device whose path hangs answers when it is released, and one that is released with an error tries the next path', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=1M&hang=left#1', 'mem:a?size=1M&hang=left#2']);
  const left = mapper.hangs.get('left');
  left.hang();
  const written = device.write(pattern(4096), 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(left.held, 1);
  left.release('transport');
  assert.is(await written, 4096);
  assert.ok((await device.read(0, 4096)).equals(pattern(4096)));
  assert.match(device.status(), / F 1 /);
});

test.run();
