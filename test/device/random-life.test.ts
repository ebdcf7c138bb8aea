// Random lives of small mappers: devices are made on each other, read, written, suspended, reloaded and closed in any
// order, with pools at their least and paths that fail. Whatever happens, every promise settles with a known error, the
// mapper closes, and every record is free again. (Whether the bytes are right is the business of soak.test.ts.)
//
//   RQDM_SEED    the one seed to run, as a failure names it

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { turns } from '../support/promise-state.ts';
import { Random } from '../support/random.ts';

const test = suite('device: random life');

const SEEDS = process.env['RQDM_SEED']
  ? [Number(process.env['RQDM_SEED'])]
  : Array.from({ length: 25 }, (_, index) => index + 1);
const STEPS = 400;
const WORDS = [
  'mem:a?size=256K&switch=x#1',
  'mem:a?size=256K&switch=y#2',
  'mem:b?size=256K&mode=worker#1',
  'mem:b?size=256K&delay=1ms#2',
];
const SELECTORS = ['round-robin', 'service-time', 'queue-length'];
const KNOWN = /^(ENOLINK|EIO|ETIMEDOUT|ENODATA|ERR_RQDM_(CLOSED|BUSY|TABLE|LIMIT|MESSAGE))$/;

class Life {
  readonly mapper: DeviceMapper;
  readonly random: Random;
  /** What has been begun and has not settled. */
  readonly open: Set<string> = new Set();
  readonly strange: string[] = [];
  private begun = 0;
  private names = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    const limits = { devices: 12, bios: 64, requests: 48, arenaBytes: 65536, submits: 8 };
    this.mapper = new DeviceMapper(seed % 2 ? { limits } : { limits: { devices: 24 } });
  }

  step(): void {
    const { random } = this;
    const { devices } = this.mapper;
    const device = devices[random.below(Math.max(1, devices.length))];
    try {
      if (!device || random.below(12) === 0) this.make(device);
      else if (random.below(2) === 0) this.io(device);
      else this.change(device);
    } catch (error) {
      this.note('a call', error);
    }
  }

  private make(below: MappedDevice | undefined): void {
    const { random, mapper } = this;
    const type = random.onceIn(2) ? 'bio' : 'request';
    const words = below && random.onceIn(2) ? [below.name] : [this.word(2), this.word(2)];
    const name = `n${this.names++}`;
    const kind = random.below(4);
    if (kind < 2) {
      const elevator = random.onceIn(2) ? 'none' : 'mq-deadline';
      const selector = SELECTORS[random.below(3)] as string;
      this.track(`open ${name}`, mapper.openDevice(words, { name, type, queueIfNoPath: random.onceIn(2), selector, elevator }));
    } else {
      const table = `0 400 ${kind === 2 ? 'linear' : 'passthrough'} ${words[0]} 0`;
      this.track(`create ${name}`, mapper.createDevice({ name, table, ...(kind === 3 ? { type } : {}) }));
    }
  }

  private io(device: MappedDevice): void {
    const { random } = this;
    const sectors = device.size / 512;
    const choice = random.below(12);
    for (let left = 1 + random.below(20); left > 0; left--) {
      const count = Math.min(sectors, random.onceIn(8) ? 128 : 8);
      const position = random.below(sectors - count + 1) * 512;
      if (choice < 6) this.track('read', device.read(position, count * 512));
      else if (choice < 10) this.track('write', device.write(new Uint8Array(count * 512).fill(left), position));
      else if (choice === 10)
        this.track('unaligned write', device.write(new Uint8Array(500), random.below(9), { unaligned: true }));
      else this.track('flush', device.flush());
    }
  }

  private change(device: MappedDevice): void {
    const { random } = this;
    const switches = ['x', 'y'].map((name) => this.mapper.faultSwitches.get(name));
    const choice = random.below(12);
    if (choice === 0) this.track(`suspend ${device.name}`, device.suspend({ noflush: random.onceIn(2) }));
    else if (choice < 4) this.track(`resume ${device.name}`, device.resume());
    else if (choice === 4) switches[random.below(2)]!.fail(random.onceIn(2) ? 'timeout' : 'medium');
    else if (choice === 5) switches[random.below(2)]!.fail();
    else if (choice < 8) {
      for (const one of switches) one.mend();
      this.reinstate();
    } else if (choice === 8 && random.onceIn(3)) this.track(`close ${device.name}`, device.close());
    else if (choice === 9) this.track(`reload ${device.name}`, device.reload(device.table()));
    else if (choice === 10) device.message(random.onceIn(2) ? 'queue_if_no_path' : 'fail_if_no_path');
    else device.load(`0 ${100 + random.below(600)} ${random.onceIn(2) ? 'error' : `passthrough ${this.word(4)} 0`}`);
  }

  private reinstate(): void {
    for (const device of this.mapper.devices) {
      for (const [, number] of device.table().matchAll(/ (2\d\d:\d+)/g)) {
        try {
          device.message(`reinstate_path ${number}`);
        } catch (error) {
          this.note('reinstate_path', error);
        }
      }
    }
  }

  private word(among: number): string {
    return WORDS[this.random.below(among)] as string;
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
    if (!KNOWN.test(code)) this.strange.push(`${what}: ${code} ${String(error)}`);
  }
}

test(`${SEEDS.length} lives end with every promise settled and every record free`, async () => {
  for (const seed of SEEDS) {
    const life = new Life(seed);
    const { mapper } = life;
    const before = poolFigures(mapper);
    for (let step = 0; step < STEPS; step++) {
      life.step();
      if (life.random.onceIn(3)) await turns(1);
    }
    await mapper.close();
    await turns(3);
    assert.equal([...life.open], [], `still open, RQDM_SEED=${seed}`);
    assert.equal(life.strange, [], `RQDM_SEED=${seed}`);
    const after = poolFigures(mapper);
    assert.equal({ ...after, staleAnswers: 0 }, { ...before, staleAnswers: 0 }, `RQDM_SEED=${seed}`);
  }
});

test.run();
