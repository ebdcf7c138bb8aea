// Hooks that misbehave, and hooks that do everything they may. One bad I/O is one error with the hook's name; nothing else
// suffers, and the process hears of nothing.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { STATUS_MEDIUM } from '../../assembly/abi.ts';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import {
  END_DELAY_REQUEUE,
  END_DONE,
  END_INCOMPLETE,
  END_REQUEUE,
  MAP_DELAY_REQUEUE,
  MAP_REMAPPED,
  MAP_REQUEUE,
  MAP_SUBMITTED,
  type TargetIo,
} from '../../bindings/target/target.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { choose, type Probe, type ProbeHooks, type ProbeType, probeTarget } from '../support/probe-target.ts';
import { isPending, rejection, turns } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';

const test = suite('device: hooks');

const A = 'mem:a?size=1M';
const TYPES = ['request', 'bio'] as const;

/** Only I/O to this sector meets the bad hook. */
const BAD_SECTOR = 64;

const unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => unhandled.push(error));

function probeDevice(
  mapper: DeviceMapper,
  type: 'request' | 'bio',
  hooks: ProbeHooks,
  words: string = A,
): { probe: ProbeType; device: Promise<MappedDevice> } {
  const probe = probeTarget('probe', hooks);
  mapper.registerTarget(probe);
  return { probe, device: mapper.createDevice({ name: 'd', table: `0 2048 probe ${words}`, type }) };
}

type Hook = 'prepMap' | 'map' | 'endIoFirst' | 'endIo';

const SINS: readonly (readonly [string, (io: TargetIo, probe: Probe) => unknown, RegExp])[] = [
  ['throws', () => assert.unreachable('boom'), /threw: boom/],
  ['throws what is no error', throwText, /threw: text/],
  ['returns a promise', async () => 1, /returned a promise/],
  ['returns a promise that is rejected', () => Promise.reject(new Error('nobody waits for me')), /returned a promise/],
  ['returns nothing', () => undefined, /returned undefined/],
  ['returns an unknown verdict', () => 999, /returned 999/],
  ['returns a fraction', () => 0.5, /returned 0\.5/],
  ['returns a text', () => '1', /returned 1/],
];

function throwText(): never {
  // biome-ignore lint/style/useThrowOnlyError: that is what is tested
  throw 'text';
}

for (const type of TYPES) {
  for (const hook of ['prepMap', 'map', 'endIoFirst', 'endIo'] as const satisfies readonly Hook[]) {
    test(`${hook} that misbehaves fails its I/O by name and no other (${type})`, async () => {
      for (const [sin, commit, text] of SINS) {
        await using mapper = new DeviceMapper();
        const free = poolFigures(mapper);
        const hooks: ProbeHooks = {
          [hook]: (io: TargetIo, probe: Probe): number => {
            if (io.sector === BAD_SECTOR) return commit(io, probe) as number;
            if (hook === 'prepMap') return choose(io, probe);
            return hook === 'endIoFirst' ? io.status : hook === 'endIo' ? END_DONE : MAP_REMAPPED;
          },
        };
        const word = hook === 'endIoFirst' ? `${A}&error=medium@${BAD_SECTOR}+1` : A;
        const device = await probeDevice(mapper, type, hooks, word).device;
        const others = [device.write(pattern(0, 512, 1), 0), device.read(32_768 + 65_536, 512)];
        const error = await rejection(device.read(BAD_SECTOR * 512, 512));
        assert.is(error['code'], 'EIO', sin);
        assert.match(error.message, new RegExp(`target probe of d: hook ${hook} `), sin);
        assert.match(error.message, text, sin);
        assert.is((error.cause as { code?: string }).code, 'ERR_RQDM_HOOK', sin);
        await Promise.all(others);
        assert.is(Buffer.compare(await device.read(0, 512), pattern(0, 512, 1)), 0, sin);
        await device.close();
        assert.equal(poolFigures(mapper), free, sin);
      }
    });
  }

  test(`endIo that is only told hears of every end once, is asked about errors and flushes, and fails nothing (${type})`, async () => {
    const lines: string[] = [];
    await using mapper = new DeviceMapper({ log: (line) => lines.push(line) });
    const free = poolFigures(mapper);
    const heard: string[] = [];
    let isSinful = false;
    const hooks: ProbeHooks = {
      isEndIoTold: true,
      endIo: (io) => {
        heard.push(`${io.operation} ${io.sector}+${io.sectors} ${io.status}`);
        return isSinful ? END_REQUEUE : END_DONE;
      },
    };
    const device = await probeDevice(mapper, type, hooks, `${A}&cache=c&error=medium@${BAD_SECTOR}+1`).device;
    const many = Array.from({ length: 600 }, (_, i) => 128 + 2 * i);
    await Promise.all(many.map((sector) => device.read(sector * 512, 512)));
    assert.equal(heard.splice(0).sort(), many.map((sector) => `0 ${sector}+1 0`).sort(), 'more than its ring holds');
    await device.write(pattern(0, 512, 1), 0);
    assert.is((await rejection(device.read(BAD_SECTOR * 512, 512)))['code'], 'ENODATA');
    await device.flush();
    assert.equal(heard.splice(0), ['1 0+1 0', `0 ${BAD_SECTOR}+1 ${STATUS_MEDIUM}`, '2 0+0 0']);
    isSinful = true;
    assert.is(Buffer.compare(await device.read(0, 512), pattern(0, 512, 1)), 0, 'it has ended well');
    assert.match(lines.join(), /hook endIo returned 2: expected END_DONE, as isEndIoTold says/);
    assert.equal(heard, ['0 0+1 0']);
    await device.close();
    assert.equal(poolFigures(mapper), free);
  });

  test(`a device that the table does not name, or map changing the device, is an error by name (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const other = await mapper.openDevice('mem:other?size=1M');
    let chosen = 0;
    let place = 0;
    const { device: opening, probe } = probeDevice(
      mapper,
      type,
      {
        prepMap: (io, own) => {
          choose(io, own);
          if (chosen >= 0) io.device = chosen;
          return MAP_REMAPPED;
        },
        map: (io, own) => {
          if (place === -1) io.device = own.devices[1]!.id;
          else io.sector += place;
          return MAP_REMAPPED;
        },
      },
      `${A} mem:b?size=1M`,
    );
    const device = await opening;
    const otherPath = Number(other.stats().paths[0]!.number.split(':')[1]);
    for (chosen of [otherPath, device.id, 77, 4000, 2 ** 31]) {
      const error = await rejection(device.write(new Uint8Array(512).fill(1), 0));
      assert.match(error.message, /hook prepMap returned \d+: expected the id of a device that its own table names/);
    }
    assert.is((await other.read(0, 1))[0], 0);
    chosen = -1;
    place = -1;
    assert.match((await rejection(device.read(0, 512))).message, /hook map returned device \d+: expected device \d+/);
    for (place of [0.5, Number.NaN, -5, 2 ** 60]) {
      assert.match((await rejection(device.read(0, 512))).message, /hook map returned sector .*: expected a whole number/);
    }
    place = 5000;
    assert.is((await rejection(device.read(0, 512)))['code'], 'EIO', 'a sector beyond the end of the chosen device');
    place = 8;
    await device.write(pattern(0, 512, 4), 0);
    place = 0;
    assert.is(Buffer.compare(await device.read(4096, 512), pattern(0, 512, 4)), 0);
    assert.ok((probe.newest.calls.get('prepMap') ?? 0) > 5);
  });

  test(`I/O that a target keeps ends when it says so, from a hook, a timer or anywhere (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const kept: number[] = [];
    let mode: 'keep' | 'at once' | 'end' | 'none' = 'keep';
    const { device: opening, probe } = probeDevice(mapper, type, {
      prepMap: (io, own) => {
        if (mode === 'keep') {
          kept.push(io.id);
          return MAP_SUBMITTED;
        }
        if (mode === 'at once') {
          own.context.finish(io.id, 0);
          return MAP_SUBMITTED;
        }
        return choose(io, own);
      },
      endIo: (io) => {
        if (mode !== 'end') return END_DONE;
        kept.push(io.id);
        return END_INCOMPLETE;
      },
    });
    const device = await opening;
    const { context } = probe.newest;
    const read = device.read(0, 512);
    assert.ok(await isPending(read));
    context.finish(kept.pop()!, 0);
    await read;
    const failing = rejection(device.read(0, 512));
    await turns();
    context.finish(kept[0]!, STATUS_MEDIUM);
    assert.is((await failing)['code'], 'ENODATA');
    context.finish(kept[0]!, 0);
    context.finish(kept[0]! + 1, 0);
    context.finish(0xffffffff, 0);
    mode = 'at once';
    await device.read(0, 512);
    mode = 'end';
    const incomplete = device.write(pattern(0, 512, 2), 0);
    assert.ok(await isPending(incomplete));
    mode = 'none';
    context.setTimer(1, () => context.finish(kept.at(-1)!, 0));
    await incomplete;
    assert.is(Buffer.compare(await device.read(0, 512), pattern(0, 512, 2)), 0);
  });

  test(`requeue and delayed requeue ask prepMap again, and kick cuts the delay short (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const answers: number[] = [];
    const ends: number[] = [];
    const { device: opening, probe } = probeDevice(mapper, type, {
      prepMap: (io, own) => answers.shift() ?? choose(io, own),
      endIo: () => ends.shift() ?? END_DONE,
    });
    const device = await opening;
    answers.push(MAP_REQUEUE, MAP_REQUEUE);
    await device.read(0, 512);
    ends.push(END_REQUEUE, END_REQUEUE);
    await device.read(0, 512);
    answers.push(MAP_DELAY_REQUEUE);
    const delayed = device.read(0, 512);
    assert.ok(await isPending(delayed));
    probe.newest.context.kick();
    await delayed;
    ends.push(END_DELAY_REQUEUE);
    const delayedAgain = device.read(0, 512);
    assert.ok(await isPending(delayedAgain));
    probe.newest.context.kick();
    await delayedAgain;
    assert.is(probe.newest.calls.get('prepMap'), 10);
  });

  test(`a hook that calls the device works afterwards: reads, messages, other devices (${type})`, async () => {
    await using mapper = new DeviceMapper();
    const others: Promise<unknown>[] = [];
    const second = await mapper.openDevice(['mem:b?size=64K&switch=s#1', 'mem:b?size=64K#2'], { name: 'second' });
    let inside: MappedDevice | undefined;
    const device = await probeDevice(mapper, type, {
      prepMap: (io, own) => {
        if (inside) {
          const target = inside;
          inside = undefined;
          others.push(target.read(4096, 512), second.write(pattern(0, 512, 3), 0));
          second.message('fail_path mem:b?size=64K&switch=s#1');
          others.push(mapper.createDevice({ name: 'made', table: '0 8 linear mem:c?size=4K 0' }));
        }
        return choose(io, own);
      },
    }).device;
    inside = device;
    await Promise.all([device.read(0, 512), device.read(8192, 512)]);
    assert.is(others.length, 3);
    await Promise.all(others);
    assert.match(second.status(), / F 1 .* A 0 /);
    assert.is(Buffer.compare(await second.read(0, 512), pattern(0, 512, 3)), 0);
    assert.ok(mapper.getDevice('made'));
  });
}

test('an error of a hook below is told above, through a stack', async () => {
  await using mapper = new DeviceMapper();
  mapper.registerTarget(probeTarget('probe', { prepMap: () => 55 }));
  await mapper.createDevice({ name: 'low', table: `0 2048 probe ${A}` });
  const top = await mapper.createDevice({ name: 'top', table: '0 8 linear low 0' });
  assert.match((await rejection(top.read(0, 512))).message, /on top failed: target probe of low: hook prepMap returned 55/);
});

test('an I/O that fails for a reason of its own is not blamed on the hook of another', async () => {
  await using mapper = new DeviceMapper();
  const { device: opening } = probeDevice(
    mapper,
    'bio',
    { prepMap: (io, own) => (io.sector === 0 ? 99 : choose(io, own)) },
    `${A}&error=medium@8+8`,
  );
  const device = await opening;
  const [bad, medium] = await Promise.all([rejection(device.read(0, 512)), rejection(device.read(4096, 512))]);
  assert.match(bad.message, /hook prepMap/);
  assert.is(medium['code'], 'ENODATA');
  assert.not.match(medium.message, /hook/);
});

test('life-cycle hooks that throw are logged, and the device goes through all of its states', async () => {
  const lines: string[] = [];
  await using mapper = new DeviceMapper({ log: (line) => lines.push(line) });
  const bad = (name: string) => (): never => {
    throw new Error(`no ${name}`);
  };
  const hooks = {
    presuspend: bad('presuspend'),
    postsuspend: bad('postsuspend'),
    resume: bad('resume'),
    destroy: bad('destroy'),
    busy: bad('busy'),
  };
  const device = await probeDevice(mapper, 'request', hooks).device;
  await device.read(0, 512);
  await device.suspend();
  await device.resume();
  await device.read(0, 512);
  await device.close();
  for (const name of ['presuspend', 'postsuspend', 'resume', 'destroy', 'busy']) {
    assert.is(
      lines.filter((line) => line.includes(`hook ${name} threw: no ${name}`)).length,
      name === 'presuspend' || name === 'resume' ? 2 : 1,
      lines.join('\n'),
    );
  }
});

test('a constructor that throws, returns nothing or leaves a gap is refused by name, and its devices are let go', async () => {
  await using mapper = new DeviceMapper();
  const free = poolFigures(mapper);
  const base = probeTarget('x');
  const device = { id: 0 } as never;
  for (const [name, construct, text] of [
    ['throws', () => assert.unreachable('bang'), /target throws of d: construct threw: bang/],
    ['nothing', () => undefined, /construct returned undefined/],
    ['promise', async () => ({ status: () => '' }), /construct returned \[object Promise\]/],
    ['empty', () => ({ status: () => '' }), /target type empty maps nothing/],
    ['gap', () => ({ status: () => '', extents: [{ start: 0, length: 7, kind: 'zero' }] }), /target type gap leaves a gap/],
    ['bare', () => ({ status: () => '', extents: [{ start: 0, length: 8, kind: 'device' }] }), /names none/],
  ] as const) {
    mapper.registerTarget({
      ...base,
      name,
      construct: (words, context) => {
        context.getDevice(words[0] as string, 0, 'Device lookup failed');
        return construct() as never;
      },
    });
    const error = await rejection(mapper.createDevice({ name: 'd', table: `0 8 ${name} ${A}` }));
    assert.match(error.message, text);
  }
  assert.ok(device);
  await turns();
  assert.equal(poolFigures(mapper), free);
});

// ---- hooks off the way of I/O -------------------------------------------------------------------------------------------

const reject = (): Promise<never> => Promise.reject(new Error('nobody waits for me'));

/** A target whose `hook` does `sin`, over the probe's own. */
function sinful(mapper: DeviceMapper, hook: string, sin: () => unknown): void {
  const base = probeTarget('base');
  mapper.registerTarget({
    ...base,
    name: 'sinful',
    construct: (words, context) => Object.assign(base.construct(words, context), { [hook]: sin }),
  });
}

for (const [hook, expected] of [
  ['limits', /hook limits threw: boom/],
  ['iterateDevices', /hook iterateDevices threw: boom/],
] as const) {
  test(`a table whose ${hook} throws is refused by name, and lets go of all it had`, async () => {
    await using mapper = new DeviceMapper();
    const free = poolFigures(mapper);
    sinful(mapper, hook, () => assert.unreachable('boom'));
    const error = await rejection(mapper.createDevice({ name: 'd', table: `0 2048 sinful ${A}` }));
    assert.is(error['code'], 'ERR_RQDM_HOOK');
    assert.match(error.message, /target sinful of d: /);
    assert.match(error.message, expected);
    await turns();
    assert.equal(poolFigures(mapper), free);
    assert.is(mapper.getDevice('d'), undefined);
  });
}

test('limits that are none are refused by the name of the limit', async () => {
  for (const [limits, text] of [
    [{ maxSectors: 0 }, /limit maxSectors is 0/],
    [{ maxSegments: -1 }, /limit maxSegments is -1/],
    [{ logicalBlockSectors: 0.5 }, /limit logicalBlockSectors is 0\.5/],
    [{ chunkSectors: Number.NaN }, /limit chunkSectors is NaN/],
    [{ maxDiscardSectors: 2 ** 40 }, /limit maxDiscardSectors is/],
  ] as const) {
    await using mapper = new DeviceMapper();
    sinful(mapper, 'limits', () => limits);
    const error = await rejection(mapper.createDevice({ name: 'd', table: `0 2048 sinful ${A}` }));
    assert.match(error.message, text);
    assert.throws(() => mapper.attach('/dev/sda', A, { limits: limits as object }), text);
  }
});

test('limits that return nothing leave the limits as they are, also when they are asked again', async () => {
  await using mapper = new DeviceMapper();
  mapper.attach('/dev/sda', A);
  sinful(mapper, 'limits', () => undefined);
  const device = await mapper.createDevice({ name: 'd', table: '0 2048 sinful /dev/sda' });
  mapper.backing('/dev/sda')!.queue.set('max_sectors_kb', 8);
  assert.is(device.queue.get('max_sectors_kb'), 8);
});

test('limits that throw only when a path changes are logged, and the device keeps what it had', async () => {
  const lines: string[] = [];
  await using mapper = new DeviceMapper({ log: (line) => lines.push(line) });
  mapper.attach('/dev/sda', A);
  let isBad = false;
  sinful(mapper, 'limits', () => {
    if (isBad) throw new Error('boom');
    return {};
  });
  const device = await mapper.createDevice({ name: 'd', table: '0 2048 sinful /dev/sda' });
  const before = device.queue.get('max_sectors_kb');
  isBad = true;
  mapper.backing('/dev/sda')!.queue.set('max_sectors_kb', 8);
  assert.is(device.queue.get('max_sectors_kb'), before);
  assert.match(lines.at(-1)!, /target sinful of d: hook limits threw: boom/);
  assert.is((await device.read(0, 512)).length, 512);
});

test('a status that throws or is no text is an error of the call, by name', async () => {
  for (const [sin, text] of [
    [() => assert.unreachable('boom'), /hook status threw: boom/],
    [reject, /hook status returned a promise: expected a text/],
    [() => undefined, /hook status returned undefined/],
  ] as const) {
    await using mapper = new DeviceMapper();
    sinful(mapper, 'status', sin);
    const device = await mapper.createDevice({ name: 'd', table: `0 2048 sinful ${A}` });
    for (const call of [() => device.status(), () => device.table()]) assert.throws(call, text);
    assert.is((await device.read(0, 512)).length, 512);
  }
});

test('a preresume that returns a promise refuses the resume, and the first table of a device too', async () => {
  await using mapper = new DeviceMapper();
  let sin: () => unknown = () => undefined;
  sinful(mapper, 'preresume', () => sin());
  const device = await mapper.createDevice({ name: 'd', table: `0 2048 sinful ${A}` });
  await device.suspend();
  sin = reject;
  assert.match((await rejection(device.resume())).message, /hook preresume returned a promise/);
  assert.ok(device.isSuspended);
  const free = poolFigures(mapper);
  const refused = await rejection(mapper.createDevice({ name: 'e', table: `0 2048 sinful ${A}` }));
  assert.match(refused.message, /target sinful of e: hook preresume/);
  assert.equal(poolFigures(mapper), free);
  sin = () => undefined;
  await device.resume();
});

test('life-cycle hooks that return promises are logged, and their rejections end nothing', async () => {
  for (const hook of ['presuspend', 'postsuspend', 'resume', 'destroy']) {
    const lines: string[] = [];
    await using mapper = new DeviceMapper({ log: (line) => lines.push(line) });
    sinful(mapper, hook, reject);
    const device = await mapper.createDevice({ name: 'd', table: `0 2048 sinful ${A}` });
    await device.suspend();
    await device.resume();
    await device.read(0, 512);
    await device.close();
    assert.ok(lines.includes(`target sinful of d: hook ${hook} returned a promise: expected nothing`), lines.join('\n'));
  }
});

test('no hook has left an unhandled rejection behind', async () => {
  await turns();
  assert.equal(unhandled, []);
});

test.run();
