// A day in the life of bad paths, on virtual time: calls fail by chance, writes are torn, paths fail and are reinstated, and
// yet what was acknowledged is what is read. The same seed is the same day.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import { VirtualTime } from '../../bindings/time/virtual-time.ts';
import { Random } from '../support/random.ts';

export const timeoutMs = 240_000;

const test = suite('device: faulty simulation');

const SIZE = 256 * 1024;
const ROUNDS = 12;
/** Pieces of the device, each touched by at most one I/O of a round. */
const PIECES = 32;
const PIECE_BYTES = SIZE / PIECES;
const TYPES = ['request', 'bio'] as const;

interface Day {
  readonly endNs: number;
  readonly failures: number;
  readonly reads: number;
}

async function live(seed: number, type: (typeof TYPES)[number]): Promise<Day> {
  const random = new Random(seed);
  const time = new VirtualTime();
  await using mapper = new DeviceMapper({ time });
  const words = [1, 2, 3].map(
    (i) =>
      `sim:disk?size=${SIZE}&service=100us+1us/KiB&servers=${i}&seed=${seed + i}` +
      `&flaky=${seed * 7 + i}:8%&tear=${seed * 5 + i}/4${i === 2 ? '&delay=50us' : ''}#${i}`,
  );
  const device = await mapper.openDevice(words, { type, queueIfNoPath: true, selector: 'round-robin' });
  const model = Buffer.alloc(SIZE);
  let failures = 0;
  device.on('path-failed', () => failures++);
  let reads = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const calls: Promise<unknown>[] = [];
    for (let piece = 0; piece < PIECES; piece++) {
      const at = piece * PIECE_BYTES + 512 * random.below(4);
      const length = 512 * (1 + random.below(12));
      if (random.onceIn(3)) {
        reads++;
        const expected = Buffer.from(model.subarray(at, at + length));
        calls.push(device.read(at, length).then((bytes) => assert.ok(bytes.equals(expected), `seed ${seed}, piece ${piece}`)));
      } else if (!random.onceIn(3)) {
        const bytes = random.fill(Buffer.alloc(length));
        model.set(bytes, at);
        calls.push(device.write(bytes, at));
      }
    }
    if (random.onceIn(2)) calls.push(device.flush());
    await outlast(time, device, words, Promise.all(calls));
  }
  const whole = device.read(0, SIZE);
  await outlast(time, device, words, whole);
  assert.ok((await whole).equals(model), `seed ${seed}: what was acknowledged is there`);
  return { endNs: time.now(), failures, reads };
}

/** Lets time pass until the promise has settled; whoever keeps the paths reinstates what fails. */
async function outlast(
  time: VirtualTime,
  device: MappedDevice,
  words: readonly string[],
  promise: Promise<unknown>,
): Promise<void> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  let isRepairing = false;
  const repair = (): void => {
    isRepairing = false;
    for (const word of words) device.message(`reinstate_path ${word}`);
  };
  await time.until(() => {
    if (!isRepairing && !isSettled) {
      isRepairing = true;
      time.at(time.now() + 1e6, repair);
    }
    return isSettled;
  });
  await promise;
}

for (const type of TYPES) {
  test(`on bad paths every I/O succeeds in the end, and data is right (${type})`, async () => {
    let failures = 0;
    for (let seed = 1; seed <= 20; seed++) failures += (await live(seed, type)).failures;
    assert.ok(failures > 200, `${failures} failures: the paths were bad indeed`);
  });
}

test('the same seed is the same day, to the nanosecond', async () => {
  const day = await live(99, 'request');
  assert.equal(await live(99, 'request'), day);
});

test.run();
