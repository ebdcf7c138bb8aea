// Random lives under control: tables come and go in both slots, suspends are interrupted, queues and limits change, names
// and users too, on a clock that only the test moves. Whatever happens, every promise settles with a known error, the
// mapper closes, and every record is free again.
//
//   RQDM_SEED    the one seed to run, as a failure names it

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DeviceHandle, DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { turns } from '../support/promise-state.ts';
import { Random } from '../support/random.ts';
import { runUntilSettled } from '../support/virtual-mapper.ts';

const test = suite('device: random control');

const SEEDS = process.env['RQDM_SEED']
  ? [Number(process.env['RQDM_SEED'])]
  : Array.from({ length: 20 }, (_, index) => index + 1);
const STEPS = 300;
const NODES = ['/dev/a', '/dev/b', '/dev/c'];
const KNOWN =
  /^(ENOLINK|EIO|EROFS|EBADE|EOPNOTSUPP|ERR_RQDM_(CLOSED|BUSY|TABLE|LIMIT|MESSAGE|NO_TABLE|INTERRUPTED|EXISTS|RANGE|QUEUE|ELEVATOR|WORD))$/;

class Life {
  readonly time: VirtualTime = new VirtualTime();
  readonly mapper: DeviceMapper;
  readonly random: Random;
  readonly open: Set<string> = new Set();
  readonly strange: string[] = [];
  private readonly handles: DeviceHandle[] = [];
  private readonly aborts: AbortController[] = [];
  private begun = 0;
  private names = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    const limits = seed % 2 ? { devices: 10, bios: 64, requests: 48, submits: 8 } : { devices: 20 };
    this.mapper = new DeviceMapper({ limits, time: this.time });
  }

  step(): void {
    const { random } = this;
    const { devices } = this.mapper;
    const device = devices[random.below(Math.max(1, devices.length))];
    try {
      if (!device || random.onceIn(10)) this.make();
      else [this.io, this.tables, this.suspends, this.queues, this.users][random.below(5)]?.call(this, device);
    } catch (error) {
      this.note('a call', error);
    }
    for (let left = random.below(4); left > 0; left--) this.time.step();
  }

  private make(): void {
    const { random, mapper } = this;
    const node = this.pick(NODES);
    if (random.onceIn(2) && !mapper.backing(node)) {
      const word = `mem:m?size=256K&delay=1ms${random.onceIn(2) ? '&queue=bio' : ''}&switch=s`;
      mapper.attach(node, word, random.onceIn(2) ? { limits: { physicalBlockSectors: 8, maxDiscardSectors: 64 } } : {});
      return;
    }
    const name = `n${this.names++}`;
    const table = random.onceIn(2) ? { table: this.table() } : {};
    const type = this.pick(['bio', 'request', undefined] as const);
    this.track(`create ${name}`, mapper.createDevice({ name, ...table, ...(type ? { type } : {}) }));
  }

  private table(): string {
    const { random } = this;
    const names = [...NODES, ...this.mapper.devices.map(({ name }) => name)];
    const [one, two] = [this.pick(names), this.pick(names)];
    const length = 8 * (1 + random.below(30));
    return this.pick([
      `0 ${length} linear ${one} ${random.below(20)}`,
      `0 ${length} passthrough ${one} 0`,
      `0 ${length * 2} striped 2 8 ${one} 0 ${two} 8`,
      `0 ${length} multipath 1 queue_if_no_path 0 1 1 round-robin 0 2 0 ${one} ${two}`,
      `0 ${length} zero`,
      `0 ${length} error`,
      `0 8 zero\n8 ${length} linear ${one} 0`,
    ]);
  }

  private io(device: MappedDevice): void {
    const { random } = this;
    const sectors = device.size / 512;
    for (let left = 1 + random.below(12); left > 0; left--) {
      const position = random.below(Math.max(1, sectors)) * 512;
      if (random.onceIn(8)) this.track('flush', device.flush());
      else if (random.onceIn(2)) this.track('read', device.read(position, 512 * Math.min(8, sectors)));
      else this.track('write', device.write(new Uint8Array(512), position));
    }
    if (random.onceIn(6)) this.mapper.faultSwitches.get('s').fail();
    else if (random.onceIn(2)) this.mapper.faultSwitches.get('s').mend();
  }

  private tables(device: MappedDevice): void {
    const choice = this.random.below(6);
    if (choice < 3) device.load(this.table(), { readOnly: this.random.onceIn(6) });
    else if (choice === 3) device.clear();
    else if (choice === 4) this.track(`reload ${device.name}`, device.reload(this.table()));
    else assert.type(device.table({ slot: 'inactive' }) + device.status({ names: 'word' }) + device.info().name, 'string');
  }

  private suspends(device: MappedDevice): void {
    const { random } = this;
    const abort = new AbortController();
    if (random.onceIn(3)) this.aborts.push(abort);
    const options = { noflush: random.onceIn(2), signal: abort.signal };
    if (random.onceIn(3)) this.track(`suspend ${device.name}`, device.suspend(options));
    else this.track(`resume ${device.name}`, device.resume(options));
    if (random.onceIn(2)) this.aborts.shift()?.abort();
  }

  private queues(device: MappedDevice): void {
    const { random, mapper } = this;
    const backing = mapper.backing(this.pick(NODES));
    const { queue } = backing && random.onceIn(2) ? backing : device;
    const choice = random.below(4);
    if (choice === 0) queue.set('scheduler', this.pick(['none', 'mq-deadline', 'scan', 'kyber']));
    else if (choice === 1) queue.set('max_sectors_kb', this.pick([4, 8, 64, 1280]));
    else if (choice === 2) queue.set('nr_requests', 4 + random.below(64));
    else queue.set('write_cache', random.onceIn(2) ? 'write back' : 'write through');
  }

  private users(device: MappedDevice): void {
    const { random, mapper } = this;
    const choice = random.below(7);
    if (choice === 0) this.handles.push(device.open());
    else if (choice < 3) this.handles.shift()?.close();
    else if (choice === 3)
      this.track(`remove ${device.name}`, device.remove({ deferred: random.onceIn(2), force: random.onceIn(3) }));
    else if (choice === 4) device.rename(`n${this.names + random.below(3) - 2}`);
    else if (choice === 5) this.track('detach', mapper.detach(this.pick(NODES)));
    else this.track('event', device.waitForEvent(device.eventNumber));
  }

  private pick<T>(among: readonly T[]): T {
    return among[this.random.below(among.length)] as T;
  }

  private track(what: string, promise: Promise<unknown>): void {
    const entry = `${what} (${this.begun++})`;
    this.open.add(entry);
    promise.then(
      () => this.open.delete(entry),
      (error: unknown) => {
        this.open.delete(entry);
        this.note(entry, error);
      },
    );
  }

  private note(what: string, error: unknown): void {
    const code = String((error as { code?: unknown }).code);
    if (!KNOWN.test(code)) this.strange.push(`${what}: ${code} ${(error as Error).stack}`);
  }
}

test(`${SEEDS.length} lives end with every promise settled and every record free`, async () => {
  for (const seed of SEEDS) {
    const life = new Life(seed);
    const { mapper, time } = life;
    const before = poolFigures(mapper);
    for (let step = 0; step < STEPS; step++) {
      life.step();
      if (life.random.onceIn(3)) await turns(1);
    }
    await runUntilSettled(time, mapper.close());
    await turns(3);
    assert.equal(life.strange, [], `RQDM_SEED=${seed}`);
    assert.equal([...life.open], [], `still open, RQDM_SEED=${seed}`);
    const after = poolFigures(mapper);
    assert.equal({ ...after, staleAnswers: 0 }, { ...before, staleAnswers: 0 }, `RQDM_SEED=${seed}`);
  }
});

test.run();
