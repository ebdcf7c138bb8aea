// Races about the life of devices: what is removed, opened, renamed, attached, closed or replaced below while others use it,
// each at every moment at which it can happen (moments.ts).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DeviceHandle, DeviceMapper, MappedDevice } from '../../bindings/index.ts';
import type { Time } from '../../bindings/time/time.ts';
import { atEveryMoment } from '../support/moments.ts';
import { thrown } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { TimedWrites, type TimedWritesOptions, WRITE_BYTES } from '../support/timed-writes.ts';

const test = suite('device: races of life');

const SECTORS = 512;
const WORD = 'mem:disk?size=256K&cache=disk&discard=zeros&delay=1ms&serial=a';
const CLOSED = ['ERR_RQDM_CLOSED', 'EIO', 'ENOLINK'];
const LINEAR = `0 ${SECTORS} linear ${WORD} 0`;
const MULTIPATH = `0 ${SECTORS} multipath 1 queue_if_no_path 0 1 1 round-robin 0 2 0 ${WORD}#a ${WORD}#b`;
const FEW: TimedWritesOptions = { pairs: 3, everyMs: 0.5 };

interface Stage {
  readonly mapper: DeviceMapper;
  readonly time: Time;
  readonly device: MappedDevice;
  readonly writes: TimedWrites;
}

type Run = <T>(promise: Promise<T>) => Promise<T>;

function setUp(table: string, options: TimedWritesOptions = FEW) {
  return async (mapper: DeviceMapper): Promise<Stage> => {
    // holds the memory, so that what was written outlives the device
    mapper.attach('/dev/keep', WORD.replace(/&.*/, ''));
    const device = await mapper.createDevice({ name: 'map', table });
    return { mapper, time: mapper.time, device, writes: new TimedWrites(device, options) };
  };
}

function after(time: Time, ms: number): Promise<void> {
  return new Promise((resolve) => time.at(time.now() + ms * 1e6, resolve));
}

/** 'good', or the code of the error. */
function outcomeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'good',
    (error: { code?: string }) => String(error.code),
  );
}

/** What was acknowledged is in the memory, whatever has become of the device. */
async function isInMemory({ mapper, writes }: Stage, run: Run): Promise<void> {
  const again = await run(mapper.createDevice({ name: 'again', table: LINEAR }));
  await writes.verify(run, again);
  await run(again.remove());
}

for (const [kind, table] of [
  ['linear', LINEAR],
  ['multipath', MULTIPATH],
] as const) {
  test(`remove against I/O: what has begun ends well, the rest is refused, what was acknowledged is there (${kind})`, async () => {
    let [good, refused] = [0, 0];
    await atEveryMoment<Stage>({
      setUp: setUp(table, { ...FEW, mayFail: CLOSED }),
      first: ({ writes, time }) => writes.run(time),
      second: ({ device }) => device.remove(),
      async finish(stage, run) {
        assert.is(stage.mapper.getDevice('map'), undefined);
        good += stage.writes.good;
        refused += stage.writes.codes.filter((code) => code === 'ERR_RQDM_CLOSED').length;
        assert.is(stage.writes.codes.filter((code) => code !== '' && code !== 'ERR_RQDM_CLOSED').length, 0);
        await isInMemory(stage, run);
      },
    });
    assert.ok(good > 0 && refused > 0, `${good} good, ${refused} refused`);
  });

  test(`remove by force against I/O: each write ends, and none that failed counts as written (${kind})`, async () => {
    await atEveryMoment<Stage>({
      setUp: setUp(table, { ...FEW, mayFail: CLOSED }),
      first: ({ writes, time }) => writes.run(time),
      second: ({ device }) => device.remove({ force: true }),
      finish: isInMemory,
    });
  });

  test(`remove against remove: one of them does it, the other is told that it is gone (${kind})`, async () => {
    await atEveryMoment<Stage & { outcomes: Promise<string>[] }>({
      async setUp(mapper) {
        return { ...(await setUp(table, { ...FEW, mayFail: CLOSED })(mapper)), outcomes: [] };
      },
      async first({ device, writes, time, outcomes }) {
        const ended = writes.run(time);
        await after(time, 0.7);
        outcomes.push(outcomeOf(device.remove()));
        await ended;
      },
      second({ device, outcomes }) {
        outcomes.push(outcomeOf(device.remove()));
        return outcomes.at(-1);
      },
      async finish(stage, run) {
        const outcomes = await run(Promise.all(stage.outcomes));
        assert.is(outcomes.sort().join(), 'ERR_RQDM_CLOSED,good');
        await isInMemory(stage, run);
      },
    });
  });

  test(`the end of the mapper against I/O, suspend and load: everything ends with a result or one code (${kind})`, async () => {
    await atEveryMoment<Stage>({
      setUp: setUp(table, { ...FEW, mayFail: CLOSED }),
      async first({ device, writes, time }) {
        const ended = writes.run(time);
        await after(time, 0.7);
        const codes = [];
        for (const step of [
          () => device.suspend({ noflush: true }),
          async () => device.load(table.replace('round-robin', 'queue-length')),
          () => device.resume(),
        ]) {
          codes.push(await outcomeOf(step()));
        }
        assert.ok(
          codes.every((code) => code === 'good' || code === 'ERR_RQDM_CLOSED'),
          `${codes}`,
        );
        await ended;
      },
      second: ({ mapper }) => mapper.close(),
      async finish({ mapper }) {
        assert.equal([...mapper.devices], []);
      },
    });
  });
}

test('deferred remove against open: it goes with its last user, never under one, and later users are refused', async () => {
  await atEveryMoment<Stage & { handles: DeviceHandle[]; refusals: string[] }>({
    async setUp(mapper) {
      return { ...(await setUp(LINEAR)(mapper)), handles: [], refusals: [] };
    },
    async first({ mapper, device, time, handles, refusals }) {
      for (const act of ['open', 'open', 'close', 'close', 'open', 'close']) {
        await after(time, 0.5);
        if (act === 'close') handles.shift()?.close();
        else if (mapper.getDevice('map') === device) handles.push(device.open());
        else refusals.push(String(thrown(() => device.open())['errno']));
        if (handles.length > 0) assert.is(mapper.getDevice('map'), device, 'it was removed under a user');
      }
    },
    second: ({ device }) => device.remove({ deferred: true }),
    async finish({ mapper, handles, refusals }) {
      assert.equal([mapper.getDevice('map'), handles.length], [undefined, 0]);
      assert.ok(refusals.every((errno) => errno === 'ENXIO'));
    },
  });
});

test('detach against load: a node in use stays, a node that is gone is in no table', async () => {
  const seen = new Set<string>();
  await atEveryMoment<Stage & { outcomes: string[] }>({
    async setUp(mapper) {
      const stage = await setUp(LINEAR)(mapper);
      mapper.attach('/dev/sda', 'mem:other?size=256K&delay=1ms', { number: '8:0' });
      return { ...stage, outcomes: [] };
    },
    async first({ device, time, outcomes }) {
      for (const step of [
        async () => device.load(`0 ${SECTORS} linear /dev/sda 0`),
        () => device.resume(),
        () => device.write(pattern(0, 512), 0),
        async () => device.load(LINEAR),
        () => device.resume(),
      ]) {
        await after(time, 0.3);
        outcomes.push(await outcomeOf(step()));
      }
    },
    async second({ mapper, device, outcomes }) {
      const isUsed = [device.table(), device.table({ slot: 'inactive' })].some((text) => text.includes('8:0'));
      const outcome = await outcomeOf(mapper.detach('/dev/sda'));
      assert.is(outcome, isUsed ? 'ERR_RQDM_BUSY' : 'good');
      seen.add(`${outcome} ${outcomes.length}`);
    },
    async finish({ mapper, device, outcomes }) {
      const isGone = mapper.backing('8:0') === undefined;
      // it was gone before its table was loaded: that load alone has failed
      assert.ok(
        outcomes.slice(1).every((outcome) => outcome === 'good'),
        `${outcomes}`,
      );
      if (outcomes[0] !== 'good') assert.is(isGone, true);
      assert.is(device.table({ names: 'word' }), LINEAR);
    },
  });
  assert.ok(seen.has('good 0') && seen.has('ERR_RQDM_BUSY 1') && seen.has('good 5'), [...seen].join(', '));
});

test('rename against waiting and looking up: the wait ends with the event, and one name finds it at any moment', async () => {
  await atEveryMoment<Stage>({
    setUp: setUp(LINEAR),
    async first({ mapper, device, writes, time }) {
      const ended = writes.run(time);
      const event = device.waitForEvent(0);
      for (let step = 0; step < 4; step++) {
        await after(time, 0.4);
        const found = ['map', 'new'].filter((name) => mapper.getDevice(name) === device);
        assert.is(found.length, 1, `${found}`);
      }
      await Promise.all([ended, event]);
      assert.is(device.eventNumber, 1);
    },
    second({ device }) {
      device.rename('new');
      return undefined;
    },
    finish: ({ writes }, run) => writes.verify(run),
  });
});

// ---- stacks -----------------------------------------------------------------------------------------------------------

for (const upper of ['linear', 'multipath'] as const) {
  const top = upper === 'linear' ? `0 ${SECTORS} linear low 0` : `0 ${SECTORS} multipath 0 0 1 1 round-robin 0 1 0 low`;
  const stacked = async (mapper: DeviceMapper): Promise<Stage & { low: MappedDevice }> => {
    mapper.attach('/dev/keep', WORD.replace(/&.*/, ''));
    const low = await mapper.createDevice({ name: 'low', table: MULTIPATH });
    const device = await mapper.createDevice({ name: 'map', table: top });
    return { mapper, time: mapper.time, device, low, writes: new TimedWrites(device, FEW) };
  };
  const isWell = async ({ writes, device, low }: Stage & { low: MappedDevice }, run: Run): Promise<void> => {
    await writes.verify(run);
    for (const { inFlight, queued, waiting } of [device.stats(), low.stats()]) {
      assert.equal([inFlight, queued, waiting], [0, 0, 0]);
    }
  };

  test(`swap below against I/O above: no write is lost (${upper})`, async () => {
    await atEveryMoment({
      setUp: stacked,
      first: ({ writes, time }) => writes.run(time),
      second: ({ low }) => low.reload(MULTIPATH.replace('round-robin', 'queue-length'), { noflush: true }),
      finish: isWell,
    });
  });

  test(`suspend above against suspend below: in either order both come to rest and go on (${upper})`, async () => {
    await atEveryMoment({
      setUp: stacked,
      async first({ device, writes, time }) {
        const ended = writes.run(time);
        await after(time, 0.7);
        await device.suspend();
        await after(time, 1);
        await device.resume();
        await ended;
      },
      async second({ low, time }) {
        await low.suspend({ noflush: true });
        await after(time, 1);
        await low.resume();
      },
      finish: isWell,
    });
  });

  test(`remove below against everything above: it is refused as long as it is used (${upper})`, async () => {
    await atEveryMoment<Stage & { low: MappedDevice }>({
      setUp: stacked,
      async first({ device, writes, time }) {
        await writes.run(time);
        await device.remove();
      },
      async second({ mapper, low }) {
        const isUsed = low.openCount > 0;
        assert.is(await outcomeOf(low.remove()), isUsed ? 'ERR_RQDM_BUSY' : 'good');
        assert.is(mapper.getDevice('low'), isUsed ? low : undefined);
      },
      finish: isInMemory,
    });
  });
}

// ---- discards and flushes ---------------------------------------------------------------------------------------------

for (const [kind, table] of [
  ['linear', LINEAR],
  ['multipath', MULTIPATH],
] as const) {
  test(`discard and write against flush: each has its effect, whenever the flush comes (${kind})`, async () => {
    await atEveryMoment<Stage>({
      setUp: setUp(table),
      async first({ device, writes, time }) {
        await writes.run(time);
        const at = 32 * WRITE_BYTES;
        await device.write(pattern(at, 2 * WRITE_BYTES, 9), at);
        await Promise.all([
          device.discard(at, WRITE_BYTES),
          device.write(pattern(0, WRITE_BYTES, 8), 40 * WRITE_BYTES),
          device.flush(),
        ]);
      },
      second: async ({ device }) => {
        await Promise.all([device.flush(), device.flush()]);
      },
      async finish(stage, run) {
        const at = 32 * WRITE_BYTES;
        const bytes = await run(stage.device.read(at, 2 * WRITE_BYTES));
        assert.ok(bytes.subarray(0, WRITE_BYTES).every((byte) => byte === 0));
        assert.is(Buffer.compare(bytes.subarray(WRITE_BYTES), pattern(at, 2 * WRITE_BYTES, 9).subarray(WRITE_BYTES)), 0);
        assert.is(stage.device.stats().flushes + stage.device.diskStats().flushes.ios > 0, true);
        await stage.writes.verify(run);
      },
    });
  });
}

test.run();
