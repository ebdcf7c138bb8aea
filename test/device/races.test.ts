// Races about the state of a device while I/O is under way, each at every moment at which it can happen (moments.ts).
//
// The map has two paths to one memory that take 1 and 1.3 ms a call; writes begin half a millisecond apart, so at any
// moment some wait, some are with a path and some have ended.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DeviceMapper, MappedDevice } from '../../bindings/index.ts';
import { readMultipathStatus } from '../../bindings/multipathd/multipath-status.ts';
import type { Time } from '../../bindings/time/time.ts';
import { atEveryMoment } from '../support/moments.ts';
import { TimedWrites, type TimedWritesOptions } from '../support/timed-writes.ts';

const test = suite('device: races');

const SECTORS = 512;
const WORD_A = 'mem:disk?size=256K&cache=disk&delay=1ms&serial=a&switch=a#a';
const WORD_B = 'mem:disk?size=256K&cache=disk&delay=1300us&serial=b&switch=b#b';
const TYPES = ['request', 'bio'] as const;
type Type = (typeof TYPES)[number];

interface Stage {
  readonly mapper: DeviceMapper;
  readonly time: Time;
  readonly device: MappedDevice;
  readonly writes: TimedWrites;
}

function tableOf(type: Type, selector = 'queue-length', words: readonly string[] = [WORD_A, WORD_B]): string {
  const mode = `3 queue_if_no_path queue_mode ${type === 'bio' ? 'bio' : 'rq'}`;
  return `0 ${SECTORS} multipath ${mode} 0 1 1 ${selector} 0 ${words.length} 0 ${words.join(' ')}`;
}

/** One group for each path. */
function groupsOf(type: Type): string {
  const mode = `3 queue_if_no_path queue_mode ${type === 'bio' ? 'bio' : 'rq'}`;
  return `0 ${SECTORS} multipath ${mode} 0 2 1 queue-length 0 1 0 ${WORD_A} queue-length 0 1 0 ${WORD_B}`;
}

const FEW: TimedWritesOptions = { pairs: 4, everyMs: 0.5 };

function setUp(table: string, options: TimedWritesOptions = FEW) {
  return async (mapper: DeviceMapper): Promise<Stage> => {
    const device = await mapper.createDevice({ name: 'map', table });
    return { mapper, time: mapper.time, device, writes: new TimedWrites(device, options) };
  };
}

function after(time: Time, ms: number): Promise<void> {
  return new Promise((resolve) => time.at(time.now() + ms * 1e6, resolve));
}

function numbersOf(device: MappedDevice): string[] {
  return readMultipathStatus(device).groups.flatMap(({ paths }) => paths.map(({ number }) => number));
}

/** Nothing is under way, and the selector counts nothing either. */
function assertIdle({ device }: Stage): void {
  const { inFlight, queued, waiting, disk } = device.stats();
  assert.equal({ inFlight, queued, waiting, disk: disk.inFlight }, { inFlight: 0, queued: 0, waiting: 0, disk: 0 });
  const hasMore = device.table().includes(' historical-service-time ');
  const counts = hasMore ? /\d:\d+ [AF] \d+ \d+ [1-9]/ : /\d:\d+ [AF] \d+ [1-9]/;
  if (device.table().includes(' round-robin ')) return;
  assert.not.ok(counts.test(device.status()), `the selector still counts I/O: ${device.status()}`);
}

async function allIsWell(stage: Stage, run: <T>(promise: Promise<T>) => Promise<T>): Promise<void> {
  assert.not.ok(stage.device.isSuspended);
  await stage.writes.verify(run);
  assertIdle(stage);
}

for (const type of TYPES) {
  for (const noflush of [false, true]) {
    test(`suspend against submit: nothing is in flight while suspended, and no write is lost (${type}, ${noflush ? 'noflush' : 'flush'})`, async () => {
      const { count } = await atEveryMoment<Stage>({
        setUp: setUp(tableOf(type)),
        first: ({ writes, time }) => writes.run(time),
        async second({ device, writes, time }) {
          await device.suspend({ noflush });
          assert.is(device.stats().inFlight, 0);
          const ended = writes.good;
          await after(time, 3);
          assert.is(writes.good, ended, 'nothing ends while suspended');
          await device.resume();
        },
        finish: allIsWell,
      });
      assert.ok(count > 20, `${count} moments`);
    });
  }

  test(`suspend against suspend and resume: they follow each other, and the last one holds (${type})`, async () => {
    await atEveryMoment<Stage>({
      setUp: setUp(tableOf(type)),
      async first({ device, writes, time }) {
        const ended = writes.run(time);
        await after(time, 0.7);
        await device.suspend();
        await device.resume();
        await ended;
      },
      async second({ device }) {
        await device.suspend({ noflush: true });
        await device.resume();
      },
      finish: allIsWell,
    });
  });

  test(`interrupted suspend against answers: it is suspended or it was interrupted, never both (${type})`, async () => {
    const outcomes = new Set<string>();
    let abort = new AbortController();
    await atEveryMoment<Stage>({
      async setUp(mapper) {
        abort = new AbortController();
        return setUp(tableOf(type), { pairs: 2, everyMs: 0.5 })(mapper);
      },
      async first({ device, writes, time }) {
        const ended = writes.run(time);
        await after(time, 0.7);
        const outcome = await device.suspend({ signal: abort.signal }).then(
          () => 'suspended',
          (error: { errno?: string }) => String(error.errno),
        );
        outcomes.add(outcome);
        assert.is(device.isSuspended, outcome === 'suspended');
        await device.resume();
        await ended;
      },
      second() {
        abort.abort();
        return undefined;
      },
      finish: allIsWell,
    });
    assert.equal([...outcomes].sort(), ['EINTR', 'suspended']);
  });

  test(`swap against requeue: what a dying path gives back goes by the new table (${type})`, async () => {
    let requeues = 0;
    await atEveryMoment<Stage>({
      setUp: setUp(tableOf(type)),
      async first({ mapper, writes, time }) {
        time.at(time.now() + 0.6e6, () => mapper.faultSwitches.get('a').fail());
        await writes.run(time);
      },
      async second({ device }) {
        // path a is in the new table as well, but by another name; it is as dead
        device.load(tableOf(type, 'round-robin', [WORD_A.replace('#a', '#again'), WORD_B]));
        await device.suspend({ noflush: true });
        await device.resume();
      },
      async finish(stage, run) {
        assert.match(stage.device.table({ names: 'word' }), /#again/);
        stage.mapper.faultSwitches.get('a').mend();
        requeues += stage.device.stats().requeues;
        await stage.writes.verify(run);
        assertIdle(stage);
      },
    });
    assert.ok(requeues > 0, 'no moment had a requeue');
  });

  test(`swap against an empty map: without any path I/O waits for the table that has one (${type})`, async () => {
    await atEveryMoment<Stage>({
      setUp: setUp(`0 ${SECTORS} multipath 3 queue_if_no_path queue_mode ${type === 'bio' ? 'bio' : 'rq'} 0 0 0`),
      first: ({ writes, time }) => writes.run(time),
      async second({ device }) {
        device.load(tableOf(type));
        await device.suspend({ noflush: true });
        await device.resume();
      },
      finish: allIsWell,
    });
  });

  test(`message against a dying path: it fails once, and the other path does the work (${type})`, async () => {
    for (const message of ['fail_path', 'reinstate_path', 'switch_group', 'disable_group']) {
      await atEveryMoment<Stage>({
        setUp: setUp(groupsOf(type)),
        async first({ mapper, writes, time }) {
          time.at(time.now() + 0.6e6, () => mapper.faultSwitches.get('a').fail());
          await writes.run(time);
        },
        second({ device }) {
          const [dying] = numbersOf(device);
          device.message(message.endsWith('path') ? `${message} ${dying}` : `${message} 1`);
          return undefined;
        },
        async finish(stage, run) {
          const [first] = readMultipathStatus(stage.device).groups[0]!.paths;
          // reinstated while it is dead it fails a second time
          assert.ok(first!.failures <= (message === 'reinstate_path' ? 2 : 1), stage.device.status());
          await allIsWell(stage, run);
        },
      });
    }
  });

  test(`reinstate against fail: the last word counts, and I/O goes on (${type})`, async () => {
    await atEveryMoment<Stage>({
      setUp: setUp(tableOf(type, 'queue-length', [WORD_A])),
      async first({ device, writes, time }) {
        const [only] = numbersOf(device);
        const ended = writes.run(time);
        for (const ms of [0.6, 0.5]) {
          await after(time, ms);
          device.message(`fail_path ${only}`);
        }
        await after(time, 0.5);
        device.message(`reinstate_path ${only}`);
        await ended;
      },
      second({ device }) {
        device.message(`reinstate_path ${numbersOf(device)[0]}`);
        return undefined;
      },
      async finish(stage, run) {
        const [path] = readMultipathStatus(stage.device).groups[0]!.paths;
        assert.ok(path!.isActive && path!.failures >= 1 && path!.failures <= 2, stage.device.status());
        await allIsWell(stage, run);
      },
    });
  });

  test(`another selector against completions: it counts what it chose, and nothing is counted for ever (${type})`, async () => {
    for (const [from, to] of [
      ['queue-length', 'service-time'],
      ['service-time', 'historical-service-time'],
      ['historical-service-time', 'queue-length'],
    ] as const) {
      await atEveryMoment<Stage>({
        setUp: setUp(tableOf(type, from)),
        first: ({ writes, time }) => writes.run(time),
        second: ({ device }) => device.reload(tableOf(type, to), { noflush: true }),
        async finish(stage, run) {
          assert.ok(stage.device.table().includes(` ${to} `));
          await allIsWell(stage, run);
        },
      });
    }
  });

  test(`the time without a path against reinstate: I/O fails if the time was first, else it goes on (${type})`, async () => {
    const outcomes = new Set<string>();
    await atEveryMoment<Stage>({
      latestMs: 2000,
      async setUp(mapper) {
        mapper.multipath.queueIfNoPathTimeoutSecs = 1;
        return setUp(tableOf(type, 'queue-length', [WORD_A]), { pairs: 2, everyMs: 0.5, mayFail: ['EIO', 'ENOLINK'] })(mapper);
      },
      async first({ device, writes, time }) {
        device.message(`fail_path ${numbersOf(device)[0]}`);
        // the time is over before the end of the first party, so that a second one can come after it
        await Promise.all([writes.run(time), after(time, 1001)]);
      },
      second({ device }) {
        device.message(`reinstate_path ${numbersOf(device)[0]}`);
        return undefined;
      },
      async finish(stage, run) {
        const isQueueing = stage.device.table().includes('queue_if_no_path');
        const { good, codes } = stage.writes;
        outcomes.add(`${isQueueing} ${good}`);
        assert.is(good, isQueueing ? codes.length : 0, `${codes}`);
        await allIsWell(stage, run);
      },
    });
    assert.equal([...outcomes].sort(), ['false 0', 'true 4']);
  });

  test(`settings of the queue against I/O: elevator, merges, depth and size may change at any moment (${type})`, async () => {
    for (const [name, value] of [
      ['scheduler', 'none'],
      ['scheduler', 'kyber'],
      ['scheduler', 'scan'],
      ['nomerges', '2'],
      ['nr_requests', '4'],
      ['max_sectors_kb', '4'],
    ] as const) {
      if (type === 'bio' && name !== 'max_sectors_kb') continue;
      await atEveryMoment<Stage>({
        setUp: setUp(tableOf(type)),
        first: ({ writes, time }) => writes.run(time),
        second({ device }) {
          device.queue.set(name, value);
          return undefined;
        },
        finish: allIsWell,
      });
    }
  });

  test(`a signal against completions: an aborted write is rejected at once or has ended, and the others do not notice (${type})`, async () => {
    const outcomes = new Set<string>();
    let abort = new AbortController();
    await atEveryMoment<Stage>({
      async setUp(mapper) {
        abort = new AbortController();
        return setUp(tableOf(type), { pairs: 2, everyMs: 0.5 })(mapper);
      },
      async first({ device, writes, time }) {
        const given = device.write(Buffer.alloc(4096, 7), 128 * 1024, { signal: abort.signal }).then(
          () => 'ended',
          (error: Error) => error.name,
        );
        await writes.run(time);
        outcomes.add(await given);
      },
      second() {
        abort.abort();
        return undefined;
      },
      finish: allIsWell,
    });
    assert.equal([...outcomes].sort(), ['AbortError', 'ended']);
  });
}

test.run();
