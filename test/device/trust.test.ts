// Whether what was acknowledged is true when threads die and hang: devices over paths whose workers do so for real.

import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Pump } from '../../bindings/device/pump.ts';
import { DeviceMapper, type MappedDevice } from '../../bindings/index.ts';
import type { KnownPath } from '../../bindings/path/known-path.ts';
import type { Path } from '../../bindings/path/path.ts';
import { PathPool } from '../../bindings/path/pool.ts';
import { WorkerPath } from '../../bindings/path/worker-path.ts';
import { isPending, rejection, until } from '../support/promise-state.ts';
import { pattern } from '../support/random.ts';
import { skipAloud } from '../support/skip.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import {
  ACTION_ANSWER_LATE,
  ACTION_DIE,
  ACTION_NONE,
  ACTION_SYSTEM_CALL,
  ACTION_WAIT,
  GATE_ACTION,
  GATE_BEGUN,
  GATE_ENDED,
  GATE_OPEN,
  GATE_PIPE,
  GATE_WORDS,
  RUBBISH,
} from './gated-memory.ts';

const test = suite('device: trust');

const SIZE = 2 ** 20;
const HANG_MS = 30_000;
const UNKNOWN_FATE_MS = 60_000;

/** A mapper's pump, caught on the way of its first use. */
async function pumpDuring(use: () => Promise<unknown>): Promise<Pump> {
  const original = Pump.prototype.drive;
  let caught: Pump | undefined;
  Pump.prototype.drive = function (this: Pump): void {
    caught = this;
    original.call(this);
  };
  try {
    await use();
  } finally {
    Pump.prototype.drive = original;
  }
  if (caught === undefined) throw new Error('the pump was not driven');
  return caught;
}

/** A device of several paths to one memory, each with a gate, on threads that a test can wait for and end. */
class Rig implements AsyncDisposable {
  readonly mapper = new DeviceMapper();
  readonly memory = new Uint8Array(new SharedArrayBuffer(SIZE));
  readonly writes = new Int32Array(new SharedArrayBuffer((SIZE / 512) * 4));
  readonly gates: Int32Array[] = [];
  readonly workers: Worker[] = [];
  device!: MappedDevice;
  pump!: Pump;
  pool!: PathPool;
  readonly #paths: WorkerPath[] = [];
  readonly #noteWorker = (worker: Worker): number => this.workers.push(worker);
  #ms = 1000;

  static async make(pathCount: number, sharedThreads = 2): Promise<Rig> {
    const rig = new Rig();
    process.on('worker', rig.#noteWorker);
    const words = Array.from({ length: pathCount }, (_, i) => `mem:a?size=1M#${i}`);
    rig.pump = await pumpDuring(async () => {
      rig.device = await rig.mapper.openDevice(words, { selector: 'round-robin', queueIfNoPath: true });
      await rig.device.read(0, 512);
    });
    const { arena, paths } = rig.pump;
    rig.pool = new PathPool({
      arenaMemory: () => arena.memory,
      quarantine: (address, length, gone) => arena.quarantine(address, length, gone),
      now: () => rig.#ms,
      hangMs: HANG_MS,
      unknownFateMs: UNKNOWN_FATE_MS,
      sharedThreads,
    });
    rig.memory.set(pattern(0, SIZE));
    for (const [id, path] of paths.entries()) if (path !== undefined) paths[id] = rig.#gated(path);
    return rig;
  }

  #gated(path: Path): WorkerPath {
    const gate = new Int32Array(new SharedArrayBuffer(GATE_WORDS * 4));
    this.gates.push(gate);
    const url = new URL('./gated-memory.js', import.meta.url).href;
    const data = { gate, memory: this.memory, writes: this.writes };
    const gated = new WorkerPath(path as Path & KnownPath, { kind: 'module', url, data }, this.pump, this.pool, () => {});
    this.#paths.push(gated);
    return gated;
  }

  act(path: number, action: number): void {
    Atomics.store(this.gates[path] as Int32Array, GATE_ACTION, action);
  }

  begun(path: number): number {
    return Atomics.load(this.gates[path] as Int32Array, GATE_BEGUN);
  }

  get begunInAll(): number {
    return this.gates.reduce((sum, _, path) => sum + this.begun(path), 0);
  }

  /** Lets go on what waits, at one gate or all. */
  open(path?: number): void {
    for (const gate of path === undefined ? this.gates : [this.gates[path] as Int32Array]) {
      Atomics.store(gate, GATE_ACTION, ACTION_NONE);
      Atomics.store(gate, GATE_OPEN, 1);
      Atomics.notify(gate, GATE_OPEN);
    }
  }

  pass(ms: number): void {
    this.#ms += ms;
    this.pool.watch();
  }

  get letters(): string {
    return [...this.device.status().matchAll(/240:\d+ ([AF] \d+)/g)].map(([, letter]) => letter).join(', ');
  }

  /** Everything that was withheld is free, and nobody waits for anything. */
  async isAtRest(): Promise<void> {
    await until(() => this.pump.arena.quarantinedBytes === 0 && !this.pump.arena.hasQuarantine);
    await until(() => this.pool.stuckThreads === 0);
    assert.equal([this.pool.inFlight, this.pump.arena.freeBytes], [0, this.pump.arena.sizeBytes]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.open();
    process.off('worker', this.#noteWorker);
    await Promise.all(this.#paths.map((path) => path.close(1000)));
    await this.pool.close();
    await this.mapper.close();
  }
}

test('a read that hangs is retried on the next path, and what its thread writes late reaches neither the retry nor the caller', async () => {
  await using rig = await Rig.make(2);
  const { device, pump } = rig;
  for (const path of [0, 1]) rig.act(path, ACTION_WAIT);
  const reading = device.read(8192, 4096);
  await until(() => rig.begunInAll === 1);
  const [hung, well] = rig.begun(0) === 1 ? [0, 1] : [1, 0];
  rig.act(well, ACTION_ANSWER_LATE);
  rig.pass(HANG_MS);
  await until(() => rig.begun(well) === 1);
  assert.match(rig.letters, /F 1/);
  // The stuck thread writes while the retry, whose data is there, has not been answered yet.
  rig.open(hung);
  await until(() => rig.pool.lateAnswers === 1);
  assert.is(Atomics.load(rig.gates[hung] as Int32Array, GATE_ENDED), 1);
  assert.ok(pump.arena.bytes.includes(RUBBISH), 'it did write, and rubbish');
  rig.open(well);
  assert.is(Buffer.compare(await reading, pattern(8192, 4096)), 0);
  await rig.isAtRest();
});

test('the range of a read that hangs is given to nobody until its thread has answered', async () => {
  await using rig = await Rig.make(2);
  const { device, pump } = rig;
  for (const path of [0, 1]) rig.act(path, ACTION_WAIT);
  const reading = device.read(8192, 4096);
  await until(() => rig.begunInAll === 1);
  rig.act(rig.begun(0) === 1 ? 1 : 0, ACTION_NONE);
  rig.pass(HANG_MS);
  const bytes = await reading;
  assert.ok(pump.arena.hasQuarantine);
  const leases = Array.from({ length: pump.arena.freeBytes / 4096 }, () => rig.mapper.lease(4096));
  for (const lease of leases) lease?.bytes.fill(1);
  rig.open();
  await until(() => rig.pool.lateAnswers === 1);
  assert.ok(leases.every((lease) => lease?.bytes.every((byte) => byte === 1)));
  assert.is(Buffer.compare(bytes, pattern(8192, 4096)), 0);
  for (const lease of leases) lease?.release();
  await rig.isAtRest();
});

test('a write of a hanging thread waits for its answer, is sent to no other path, and then holds', async () => {
  await using rig = await Rig.make(2);
  for (const path of [0, 1]) rig.act(path, ACTION_WAIT);
  const writing = rig.device.write(pattern(77, 4096), 4096);
  await until(() => rig.begunInAll === 1);
  rig.pass(HANG_MS);
  assert.ok(await isPending(writing));
  rig.open();
  assert.is(await writing, 4096);
  assert.equal([rig.writes[8], rig.begunInAll, rig.pool.lateAnswers], [1, 1, 0]);
  assert.is(Buffer.compare(await rig.device.read(4096, 4096), pattern(77, 4096)), 0);
  await rig.isAtRest();
});

test('a write whose fate stays unknown ends with its own error, is never sent twice, and its late landing is its own data', async () => {
  await using rig = await Rig.make(2);
  for (const path of [0, 1]) rig.act(path, ACTION_WAIT);
  const writing = rejection(rig.device.write(pattern(77, 4096), 4096));
  await until(() => rig.begunInAll === 1);
  rig.pass(HANG_MS);
  rig.pass(UNKNOWN_FATE_MS - HANG_MS);
  assert.is((await writing)['code'], 'ERR_RQDM_UNKNOWN_FATE');
  // What is leased now is somebody else's: the payload of the stuck write is not among it.
  const leases = Array.from({ length: 16 }, () => rig.mapper.lease(65536));
  for (const lease of leases) lease?.bytes.fill(RUBBISH);
  for (const lease of leases) lease?.release();
  assert.is(Buffer.compare(rig.memory.slice(4096, 8192), pattern(4096, 4096)), 0);
  rig.open();
  await until(() => rig.pool.lateAnswers === 1);
  assert.is(Buffer.compare(rig.memory.slice(4096, 8192), pattern(77, 4096)), 0);
  assert.is(rig.writes[8], 1);
  await rig.isAtRest();
});

test('a thread that is ended in the middle of I/O is fenced: reads and writes are done by the next path, and none is done twice', async () => {
  await using rig = await Rig.make(2, 1);
  const { device, workers } = rig;
  rig.act(0, ACTION_WAIT);
  rig.act(1, ACTION_WAIT);
  // Far apart, so that nothing merges; in one turn, so that all are out when the thread dies.
  const reads = [1, 2].map((i) => device.read(i * 65536, 4096));
  const writes = [3, 4].map((i) => device.write(pattern(i, 4096), i * 65536));
  await until(() => rig.begunInAll === 1);
  assert.is(workers.length, 1);
  for (const path of [0, 1]) rig.act(path, ACTION_NONE);
  await (workers[0] as Worker).terminate();
  for (const [i, read] of (await Promise.all(reads)).entries()) {
    assert.is(Buffer.compare(read, pattern((i + 1) * 65536, 4096)), 0);
  }
  assert.equal(await Promise.all(writes), [4096, 4096]);
  for (const i of [3, 4]) {
    assert.is(Buffer.compare(rig.memory.slice(i * 65536, i * 65536 + 4096), pattern(i, 4096)), 0);
    assert.is(rig.writes[i * 128], 1);
  }
  assert.is(rig.letters.match(/F 1/g)?.length, 1, 'one path is blamed, not the one behind it on the same thread');
  assert.is(rig.pool.lateAnswers, 0);
  await rig.isAtRest();
});

test('a call that kills each thread it is given fails its path only, and ends somewhere', async () => {
  await using rig = await Rig.make(3, 1);
  rig.act(0, ACTION_DIE);
  rig.act(1, ACTION_DIE);
  const reads = await Promise.all(Array.from({ length: 12 }, (_, i) => rig.device.read(i * 65536, 512)));
  for (const [i, read] of reads.entries()) assert.is(Buffer.compare(read, pattern(i * 65536, 512)), 0);
  assert.is(rig.letters.match(/F \d/g)?.length, 2);
  rig.open();
  await rig.isAtRest();
});

test('reads and writes that hang and threads that die, several of each at once: each ends once, and what was acknowledged is there', async () => {
  await using rig = await Rig.make(5, 3);
  const { device } = rig;
  rig.act(0, ACTION_WAIT);
  rig.act(1, ACTION_WAIT);
  rig.act(2, ACTION_DIE);
  rig.act(3, ACTION_DIE);
  const place = (i: number): number => i * 16384;
  const reads = Array.from({ length: 20 }, (_, i) => device.read(place(i), 4096));
  const writes = Array.from({ length: 20 }, (_, i) => device.write(pattern(i, 4096), place(20 + i)));
  const outcome = Promise.all([Promise.all(reads), Promise.allSettled(writes)]);
  while (await isPending(outcome, 20)) {
    rig.pass(HANG_MS / 4);
    // The well path may count as hanging too, as time passes so quickly here; nobody else would come back.
    device.message('reinstate_path mem:a?size=1M#4');
  }
  const [bytes, settled] = await outcome;
  for (const [i, read] of bytes.entries()) assert.is(Buffer.compare(read, pattern(place(i), 4096)), 0);
  let unknown = 0;
  for (const [i, write] of settled.entries()) {
    const isThere = Buffer.compare(rig.memory.slice(place(20 + i), place(20 + i) + 4096), pattern(i, 4096)) === 0;
    if (write.status === 'fulfilled') {
      assert.ok(isThere, `write ${i} was acknowledged`);
    } else {
      unknown++;
      assert.is(write.reason.code, 'ERR_RQDM_UNKNOWN_FATE');
      assert.equal([rig.writes[place(20 + i) / 512], isThere], [1, false], 'sent once, and not there yet');
    }
  }
  assert.ok(rig.pool.stuckThreads > 0);
  rig.open();
  await rig.isAtRest();
  for (const [i, write] of settled.entries()) {
    const now = rig.memory.slice(place(20 + i), place(20 + i) + 4096);
    assert.is(Buffer.compare(now, pattern(i, 4096)), 0, `${write.status} write ${i} has landed, as itself`);
  }
  assert.ok(rig.pool.lateAnswers >= unknown);
});

test('a thread inside a system call cannot be ended: its read is answered by the next path, and closing does not wait for it', async () => {
  using folder = new TemporaryFolder();
  const name = `${folder.path}/pipe`;
  if (spawnSync('mkfifo', [name]).status !== 0) return skipAloud('there is no mkfifo');
  // Opened for both, so that opening does not wait and reading waits for ever.
  const pipe = openSync(name, constants.O_RDWR);
  const rig = await Rig.make(2);
  for (const gate of rig.gates) Atomics.store(gate, GATE_PIPE, pipe);
  rig.act(0, ACTION_SYSTEM_CALL);
  rig.act(1, ACTION_SYSTEM_CALL);
  const reading = rig.device.read(8192, 4096);
  await until(() => rig.begunInAll === 1);
  for (const path of [0, 1]) rig.act(path, ACTION_NONE);
  rig.pass(HANG_MS);
  assert.is(Buffer.compare(await reading, pattern(8192, 4096)), 0);
  assert.is(rig.pool.stuckThreads, 1);
  await rig.pool.close(50);
  assert.is(rig.pool.stuckThreads, 1, 'the thread is still there');
  assert.ok(rig.pump.arena.hasQuarantine);
  writeSync(pipe, Buffer.from([1]));
  await rig.isAtRest();
  await rig[Symbol.asyncDispose]();
  closeSync(pipe);
});

test.run();
