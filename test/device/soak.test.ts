// A soak: random reads, writes and flushes of random sizes over two paths to one real file, while paths fail and come
// back, tables are swapped and the device is suspended. Every byte that is read is compared with a model.
//
//   RQDM_SOAK_SECONDS   how long (10)
//   RQDM_SEED           what to begin with; printed, so that a run can be repeated
//
// The file is cut into runs of 64 sectors, dealt out to the lanes in turn: lanes never overlap, but their requests are
// neighbours and merge.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { type PoolFigures, poolFigures } from '../support/mapper-parts.ts';
import { turns, until } from '../support/promise-state.ts';
import { Random } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

export const timeoutMs = 300_000;

const test = suite('device: soak');

const SECONDS = Number(process.env['RQDM_SOAK_SECONDS'] ?? 10);
const SEED = Number(process.env['RQDM_SEED'] ?? Date.now() % 2 ** 31);
const SECTOR = 512;
const LANES = 12;
const RUN_SECTORS = 64;
const RUNS = 16;
const SIZE = LANES * RUNS * RUN_SECTORS * SECTOR;

/** What the device holds, and what lanes have done. */
class Soak {
  readonly model: Buffer = Buffer.alloc(SIZE);
  readonly random: Random;
  isOver = false;
  bytesVerified = 0;
  ios = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  async lane(device: MappedDevice, number: number): Promise<void> {
    while (!this.isOver) {
      const depth = 1 + this.random.below(4);
      // each of them on a run of its own, so that reads know what they must find
      const first = this.random.below(RUNS);
      await Promise.all(Array.from({ length: depth }, (_, index) => this.step(device, number, (first + index) % RUNS)));
    }
  }

  private async step(device: MappedDevice, lane: number, run: number): Promise<void> {
    const { random } = this;
    const runFirst = (run * LANES + lane) * RUN_SECTORS * SECTOR;
    const skipped = random.below(RUN_SECTORS);
    const sectors = 1 + random.below(random.onceIn(4) ? RUN_SECTORS - skipped : Math.min(8, RUN_SECTORS - skipped));
    const position = runFirst + skipped * SECTOR;
    const length = sectors * SECTOR;
    this.ios++;
    const choice = random.below(10);
    if (choice < 5) {
      const bytes = Buffer.alloc(length);
      random.fill(bytes.subarray(0, SECTOR));
      for (let at = 0; at < length; at += SECTOR) {
        bytes.copyWithin(at, 0, SECTOR);
        bytes.writeUInt32LE((position + at + this.ios) >>> 0, at);
      }
      await device.write(bytes, position);
      bytes.copy(this.model, position);
    } else if (choice === 5) {
      const bytes = random.fill(Buffer.alloc(1 + random.below(Math.min(1000, RUN_SECTORS * SECTOR - 1))));
      const place = runFirst + random.below(RUN_SECTORS * SECTOR - bytes.length);
      await device.write(bytes, place, { unaligned: true });
      this.model.set(bytes, place);
    } else if (choice === 6) {
      await device.flush();
    } else {
      const from = position + random.below(SECTOR);
      const count = length - random.below(SECTOR) - (from - position);
      if (count <= 0) return;
      const bytes = await device.read(from, count);
      this.verify(bytes, from);
    }
  }

  verify(bytes: Uint8Array, position: number): void {
    const expected = this.model.subarray(position, position + bytes.length);
    if (Buffer.compare(bytes, expected) !== 0) {
      const at = bytes.findIndex((byte, index) => byte !== expected[index]);
      assert.unreachable(`wrong byte at ${position + at} (seed ${SEED}): got ${bytes[at]}, expected ${expected[at]}`);
    }
    this.bytesVerified += bytes.length;
  }
}

/** Paths fail and come back, tables and states change, again and again. */
async function disturb(mapper: DeviceMapper, device: MappedDevice, soak: Soak, tables: readonly string[]): Promise<void> {
  const { random } = soak;
  const switches = ['one', 'two'].map((name) => mapper.faultSwitches.get(name));
  const numbers = (): string[] => [...device.table().matchAll(/ (240:\d+)/g)].map(([, number]) => number as string);
  const reinstate = (): void => {
    for (const one of switches) one.mend();
    for (const number of numbers()) device.message(`reinstate_path ${number}`);
  };
  const someIo = async (): Promise<void> => {
    const target = soak.ios + random.below(60);
    let left = 200;
    // with no path left nothing goes on: then it is the turns that end the wait
    await until(() => soak.ios >= target || --left === 0);
  };
  while (!soak.isOver) {
    const choice = random.below(10);
    if (choice < 4) {
      switches[random.below(2)]!.fail(random.onceIn(3) ? 'timeout' : 'transport');
      await someIo();
      reinstate();
    } else if (choice === 4) {
      for (const one of switches) one.fail();
      await someIo();
      reinstate();
    } else if (choice === 5) {
      device.message(`fail_path ${numbers()[random.below(2)]}`);
      await someIo();
      reinstate();
    } else if (choice < 8) {
      device.load(tables[random.below(tables.length)] as string);
      // a flush suspend must find a path for what is in flight
      await device.suspend({ noflush: random.onceIn(2) });
      await turns(random.below(3));
      await device.resume();
      reinstate();
    } else {
      await device.suspend({ noflush: random.onceIn(2) });
      await turns(random.below(5));
      await device.resume();
    }
    await someIo();
  }
  reinstate();
}

for (const [type, elevator] of [
  ['request', 'mq-deadline'],
  ['bio', 'mq-deadline'],
  ['request', 'none'],
] as const) {
  test(`under load, failing paths and changing tables every byte is right, nothing is lost or left (${type}, ${elevator})`, async () => {
    process.stdout.write(`\nRQDM_SEED=${SEED} ${type} ${elevator}\n`);
    using folder = new TemporaryFolder();
    const file = folder.file('disk', SIZE);
    await using mapper = new DeviceMapper({
      limits: { devices: 16, bios: 512, requests: 256, arenaBytes: 1024 * 1024, submits: 64 },
    });
    const before = poolFigures(mapper);
    const mode = `2 queue_mode ${type === 'bio' ? 'bio' : 'rq'}`.replace('2 ', '3 queue_if_no_path ');
    const paths = ['worker', 'inline', 'auto'];
    const tables = ['round-robin', 'queue-length', 'service-time'].map((selector, index) => {
      const words = [`${file}?mode=${paths[index]}&switch=one#1`, `${file}?mode=${paths[(index + 1) % 3]}&switch=two#2`];
      return `0 ${SIZE / SECTOR} multipath ${mode} 0 1 1 ${selector} 0 2 0 ${words.join(' ')}`;
    });
    const device = await mapper.createDevice({ name: 'soak', table: tables[0] as string, elevator });
    const soak = new Soak(SEED);
    const end = setTimeout(
      () => {
        soak.isOver = true;
      },
      (SECONDS * 1000) / 3,
    );
    const work = Promise.all([
      ...Array.from({ length: LANES }, (_, number) => soak.lane(device, number)),
      disturb(mapper, device, soak, tables),
    ]);
    try {
      await work;
    } finally {
      clearTimeout(end);
      soak.isOver = true;
    }
    soak.verify(await device.read(0, SIZE), 0);
    await device.flush();
    const stats = device.stats();
    assert.is(Buffer.compare(folder.read('disk'), soak.model), 0);
    assert.is(stats.bioErrors, 0);
    assert.is(stats.inFlight + stats.queued + stats.waiting, 0);
    assert.ok(stats.paths.every(({ inFlight }) => inFlight === 0));
    await device.close();
    const after: PoolFigures = poolFigures(mapper);
    assert.equal(after, before, 'all records and all of the arena are free again');
    process.stdout.write(
      `${soak.ios} I/Os, ${soak.bytesVerified} bytes verified, ${stats.requeues} requeues, ${device.eventNumber} events\n`,
    );
  });
}

test.run();
