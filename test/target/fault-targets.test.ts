// What delay, flakey and dust do to single I/Os, on a clock that stands still.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FLAG_META,
  FLAG_PREFLUSH,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_IOERR,
  STATUS_OK,
} from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import { delayTarget } from '../../bindings/target/delay/delay.ts';
import { dustTarget } from '../../bindings/target/dust/dust.ts';
import { flakeyTarget } from '../../bindings/target/flakey/flakey.ts';
import { MAP_KILL, MAP_REMAPPED, MAP_SUBMITTED, type Target, type TargetType } from '../../bindings/target/target.ts';
import { FakeContext, FakeIo, FakeLine, loopDevices } from '../support/target-context.ts';

const test = suite('target/faults');

const MS = 1e6;
const SECOND = 1e9;

function make(type: TargetType, text: string): FakeLine {
  return new FakeLine(type, text, new FakeContext(loopDevices(4)));
}

/** Verdict of an I/O that comes now: prepMap's if it is not REMAPPED, else map's. */
function ask(line: FakeLine, fields: Partial<FakeIo>): { verdict: number; io: FakeIo } {
  const { target, context } = line;
  const io = new FakeIo({ sector: context.beginSector, nowNs: context.time.now(), isBio: true, ...fields });
  let verdict = target.prepMap?.(io) ?? MAP_REMAPPED;
  if (verdict === MAP_REMAPPED) verdict = target.map?.(io) ?? MAP_REMAPPED;
  return { verdict, io };
}

function advance(line: FakeLine, byNs: number): void {
  line.context.time.advanceTo(line.context.time.now() + byNs);
}

// ---- delay -----------------------------------------------------------------------------------------------------------

const THREE = '64 512 delay /dev/loop0 0 10 /dev/loop1 100 20 /dev/loop2 200 30';

test('delay: each kind of I/O waits its own time and goes to its own device, at its own place', () => {
  const line = make(delayTarget, THREE);
  ask(line, { id: 1, operation: OPERATION_READ, sector: 70 });
  ask(line, { id: 2, operation: OPERATION_WRITE, sector: 70 });
  ask(line, { id: 3, operation: OPERATION_FLUSH, sector: 0, sectors: 0 });
  ask(line, { id: 4, operation: OPERATION_WRITE, sector: 70, flags: FLAG_PREFLUSH });
  ask(line, { id: 5, operation: OPERATION_DISCARD, sector: 70 });
  assert.is(line.status, '64 512 delay 1 2 2');
  advance(line, 10 * MS - 1);
  assert.equal(line.context.remapped, []);
  advance(line, 1);
  assert.equal(line.context.remapped, [[1, '7:0', 6]]);
  advance(line, 10 * MS);
  assert.equal(line.context.remapped.slice(1), [
    [2, '7:1', 106],
    [5, '7:1', 106],
  ]);
  assert.is(line.status, '64 512 delay 0 0 2');
  advance(line, 10 * MS);
  assert.equal(line.context.remapped.slice(3), [
    [3, '7:2', 0],
    [4, '7:2', 206],
  ]);
});

test('delay: what is due at the same time goes in the order in which it came', () => {
  const line = make(delayTarget, '0 512 delay /dev/loop0 0 10 /dev/loop1 0 5');
  ask(line, { id: 1, operation: OPERATION_READ });
  advance(line, 5 * MS);
  ask(line, { id: 2, operation: OPERATION_WRITE });
  ask(line, { id: 3, operation: OPERATION_WRITE });
  advance(line, 5 * MS);
  assert.equal(
    line.context.remapped.map(([id]) => id),
    [1, 2, 3],
  );
});

test('delay: many held at a time all go, in order', () => {
  const line = make(delayTarget, '0 512 delay /dev/loop0 0 10');
  const sent: number[] = [];
  for (let id = 1; id <= 300; id++) {
    ask(line, { id });
    sent.push(id);
    // the queue goes round while it grows
    advance(line, id % 3 === 0 ? MS : 0);
  }
  advance(line, 10 * MS);
  assert.equal(
    line.context.remapped.map(([id]) => id),
    sent,
  );
  assert.is(line.context.time.pending, 0);
});

test('delay: the longest delay takes all of its time', () => {
  const longestMs = 2 ** 32 - 1;
  const line = make(delayTarget, `0 512 delay /dev/loop0 0 ${longestMs}`);
  ask(line, { id: 1 });
  advance(line, longestMs * MS - MS);
  assert.equal(line.context.remapped, []);
  advance(line, MS);
  assert.is(line.context.remapped.length, 1);
});

test('delay: a delay of 0 holds nothing, and an I/O that waited does not wait again', () => {
  const line = make(delayTarget, '0 512 delay /dev/loop0 0 0 /dev/loop0 0 9');
  assert.is(ask(line, { operation: OPERATION_READ }).verdict, MAP_REMAPPED);
  const { verdict, io } = ask(line, { operation: OPERATION_WRITE });
  assert.is(verdict, MAP_SUBMITTED);
  assert.is(ask(line, { operation: OPERATION_WRITE, context: io.context }).verdict, MAP_REMAPPED);
});

test('delay: a suspend lets go at once, a suspend that is given up or a resume delays again', () => {
  for (const end of ['resume', 'presuspendUndo'] as const) {
    const line = make(delayTarget, '0 512 delay /dev/loop0 0 1000');
    ask(line, { id: 1 });
    line.target.presuspend?.(false);
    assert.equal(line.context.remapped, [[1, '7:0', 0]]);
    assert.is(line.context.time.pending, 0);
    assert.is(ask(line, { id: 2 }).verdict, MAP_REMAPPED);
    line.target[end]?.();
    assert.is(ask(line, { id: 3 }).verdict, MAP_SUBMITTED);
  }
});

// ---- flakey -----------------------------------------------------------------------------------------------------------

function verdicts(line: FakeLine, operations: readonly number[]): number[] {
  return operations.map((operation) => ask(line, { operation }).verdict);
}

const ALL = [OPERATION_READ, OPERATION_WRITE, OPERATION_FLUSH, OPERATION_DISCARD];

test('flakey: up and down by whole seconds from the loading of the table', () => {
  const context = new FakeContext(loopDevices(1));
  context.time.advanceTo(5.7 * SECOND);
  const line = new FakeLine(flakeyTarget, '0 512 flakey /dev/loop0 0 2 1', context);
  const seen: number[] = [];
  for (let half = 0; half < 12; half++) {
    seen.push(ask(line, {}).verdict === MAP_KILL ? 1 : 0);
    advance(line, SECOND / 2);
  }
  assert.equal(seen, [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]);
});

test('flakey: without features everything fails while it is down, with them only what they name', () => {
  const R = MAP_REMAPPED;
  const K = MAP_KILL;
  const S = MAP_SUBMITTED;
  const cases: [string, number[]][] = [
    ['', [K, K, K, K]],
    [' 0', [K, K, K, K]],
    [' 1 drop_writes', [R, S, S, S]],
    [' 1 error_writes', [R, K, K, K]],
    [' 1 error_reads', [K, R, R, R]],
    [' 2 error_reads error_writes', [K, K, K, K]],
    [' 5 corrupt_bio_byte 1 r 7 0', [R, R, R, R]],
    [' 6 drop_writes corrupt_bio_byte 1 r 7 0', [R, S, S, S]],
  ];
  for (const [features, expected] of cases) {
    const line = make(flakeyTarget, `0 512 flakey /dev/loop0 0 0 1${features}`);
    assert.equal(verdicts(line, ALL), expected, features);
    const up = make(flakeyTarget, `0 512 flakey /dev/loop0 0 1 0${features}`);
    assert.equal(verdicts(up, ALL), [R, R, R, R], features);
    assert.equal(up.context.edits, []);
  }
});

test('flakey: a dropped write ends well', () => {
  const line = make(flakeyTarget, '0 512 flakey /dev/loop0 0 0 1 1 drop_writes');
  ask(line, { id: 5, operation: OPERATION_WRITE });
  assert.equal(line.context.finished, [[5, STATUS_OK]]);
});

test('flakey: a read is spoiled when it has come back well, a write before it goes, and put back when it has ended', () => {
  const reads = make(flakeyTarget, '64 512 flakey /dev/loop0 8 0 1 5 corrupt_bio_byte 3 r 7 0');
  const { io } = ask(reads, { id: 1, operation: OPERATION_READ, sector: 70 });
  assert.is(io.sector, 14);
  assert.equal(reads.context.edits, []);
  reads.target.endIo?.(new FakeIo({ ...io, status: STATUS_IOERR }));
  assert.equal(reads.context.edits, []);
  reads.target.endIo?.(io);
  assert.equal(reads.context.edits, [['read', 1, 2, 7]]);

  const writes = make(flakeyTarget, '64 512 flakey /dev/loop0 8 0 1 5 corrupt_bio_byte 3 w 7 0');
  const written = ask(writes, { id: 2, operation: OPERATION_WRITE }).io;
  assert.equal(writes.context.edits, [['write', 2, 2, 7]]);
  writes.target.endIo?.(new FakeIo({ ...written, status: STATUS_IOERR }));
  assert.equal(writes.context.edits[1], ['restore', 2, 0, 0]);
});

test('flakey: bios that are too short, go the other way or lack a flag are left alone', () => {
  const line = make(flakeyTarget, `0 512 flakey /dev/loop0 0 0 1 5 corrupt_bio_byte 513 w 7 ${FLAG_META}`);
  ask(line, { operation: OPERATION_WRITE, sectors: 1, flags: FLAG_META });
  ask(line, { operation: OPERATION_WRITE, sectors: 2, flags: 0 });
  line.target.endIo?.(ask(line, { operation: OPERATION_READ, sectors: 2, flags: FLAG_META }).io);
  assert.equal(line.context.edits, []);
  ask(line, { operation: OPERATION_WRITE, sectors: 2, flags: FLAG_META });
  assert.is(line.context.edits.length, 1);
});

test('flakey: random corruption hits as often as asked, inside the bio, and alike in every run', () => {
  const run = (parts: number): FakeContext['edits'] => {
    const line = make(flakeyTarget, `0 512 flakey /dev/loop0 0 0 1 2 random_write_corrupt ${parts}`);
    for (let id = 1; id <= 2000; id++) ask(line, { id, operation: OPERATION_WRITE, sectors: 1 });
    return line.context.edits;
  };
  assert.is(run(0).length, 0);
  assert.is(run(1e9).length, 2000);
  const some = run(25e7);
  assert.ok(some.length > 400 && some.length < 600, `${some.length} of 2000`);
  assert.ok(some.every(([, , at, value]) => at >= 0 && at < 512 && value >= 0 && value < 256));
  assert.equal(run(25e7), some);
});

// ---- dust -----------------------------------------------------------------------------------------------------------

function say(target: Target, text: string): string | undefined {
  return target.message?.(text.split(' ')) as string | undefined;
}

function refusal(target: Target, text: string): string {
  try {
    say(target, text);
  } catch (error) {
    if (error instanceof RqdmError && error.code === 'ERR_RQDM_MESSAGE') return error.message;
    throw error;
  }
  throw new Error(`${text} was obeyed`);
}

/** 8 sectors a block; the first sector is the first of device block 2. */
const DUST = '64 512 dust /dev/loop0 16 4096';

test('dust: nothing fails before it is enabled, and disabled writes repair nothing', () => {
  const line = make(dustTarget, DUST);
  say(line.target, 'addbadblock 2');
  assert.equal(verdicts(line, [OPERATION_READ, OPERATION_WRITE]), [MAP_REMAPPED, MAP_REMAPPED]);
  assert.is(say(line.target, 'countbadblocks'), 'countbadblocks: 1 badblock(s) found');
  assert.is(line.status, '64 512 dust 7:0 bypass verbose');
  say(line.target, 'enable');
  assert.is(ask(line, { operation: OPERATION_READ }).verdict, MAP_KILL);
  assert.is(line.status, '64 512 dust 7:0 fail_read_on_bad_block verbose');
  say(line.target, 'quiet');
  assert.is(line.status, '64 512 dust 7:0 fail_read_on_bad_block quiet');
});

test('dust: blocks count from the begin of the device', () => {
  const line = make(dustTarget, DUST);
  say(line.target, 'addbadblock 3');
  say(line.target, 'enable');
  assert.is(ask(line, { sector: 64 + 7 }).verdict, MAP_REMAPPED);
  assert.is(ask(line, { sector: 64 + 8 }).verdict, MAP_KILL);
  assert.is(ask(line, { sector: 64 + 16 }).verdict, MAP_REMAPPED);
});

test('dust: a write fails as often as its count says, then repairs the block and says so', () => {
  const line = make(dustTarget, DUST);
  say(line.target, 'addbadblock 2 2');
  say(line.target, 'enable');
  const W = OPERATION_WRITE;
  assert.equal(verdicts(line, [W, W, OPERATION_READ, W, OPERATION_READ]), [
    MAP_KILL,
    MAP_KILL,
    MAP_KILL,
    MAP_REMAPPED,
    MAP_REMAPPED,
  ]);
  assert.equal(line.context.logs, [
    'dust: dust_add_block: badblock added at block 2 with write fail count 2',
    'dust: enabling read failures on bad sectors',
    'dust: block 2 removed from badblocklist by write',
  ]);
});

test('dust: quiet keeps back the lines of changes, once more brings them', () => {
  const line = make(dustTarget, DUST);
  say(line.target, 'quiet');
  say(line.target, 'addbadblock 2');
  say(line.target, 'removebadblock 2');
  say(line.target, 'quiet');
  say(line.target, 'addbadblock 2');
  assert.equal(line.context.logs, [
    'dust: quiet mode set',
    'dust: quiet mode unset',
    'dust: dust_add_block: badblock added at block 2 with write fail count 0',
  ]);
});

test('dust: a discard is a write of every block that it touches', () => {
  const line = make(dustTarget, DUST);
  for (const block of ['addbadblock 3', 'addbadblock 5 1', 'addbadblock 6', 'enable']) say(line.target, block);
  const discard = { operation: OPERATION_DISCARD, sector: 64 + 8, sectors: 24 };
  assert.is(ask(line, discard).verdict, MAP_KILL);
  assert.is(say(line.target, 'listbadblocks'), '3\n5\n6');
  assert.is(ask(line, discard).verdict, MAP_REMAPPED);
  assert.is(say(line.target, 'listbadblocks'), '6');
});

test('dust: a flush touches no block', () => {
  const line = make(dustTarget, '0 512 dust /dev/loop0 0 4096');
  say(line.target, 'addbadblock 0');
  say(line.target, 'enable');
  assert.is(ask(line, { operation: OPERATION_FLUSH, sector: 0, sectors: 0 }).verdict, MAP_REMAPPED);
});

test("dust: messages answer in the kernel's words", () => {
  const { target } = make(dustTarget, DUST);
  assert.is(say(target, 'listbadblocks'), 'No blocks in badblocklist');
  assert.is(say(target, 'clearbadblocks'), 'dust_clear_badblocks: no badblocks found');
  assert.is(say(target, 'AddBadBlock 60'), undefined);
  assert.is(say(target, 'queryblock 60'), 'dust_query_block: block 60 found in badblocklist');
  assert.is(say(target, 'queryblock 61'), 'dust_query_block: block 61 not found in badblocklist');
  assert.is(say(target, 'clearbadblocks'), 'dust_clear_badblocks: badblocks cleared');
  assert.is(say(target, 'countbadblocks'), 'countbadblocks: 0 badblock(s) found');
});

test('dust: the block behind the last one is taken, the next is not', () => {
  const { target } = make(dustTarget, DUST); // 16384 sectors, 2048 blocks
  say(target, 'addbadblock 2048');
  assert.match(refusal(target, 'addbadblock 2049'), /out of range: expected 0 to 2048, got "2049"/);
});

test('dust: a message that cannot be obeyed says why', () => {
  const { target } = make(dustTarget, DUST);
  say(target, 'addbadblock 1');
  assert.match(refusal(target, 'addbadblock 1'), /block 1 already in badblocklist/);
  assert.match(refusal(target, 'removebadblock 2'), /block 2 not found in badblocklist/);
  assert.match(refusal(target, 'addbadblock 2 256'), /expected 0 to 255, got "256"/);
  assert.match(refusal(target, 'addbadblock'), /requires an additional argument/);
  assert.match(refusal(target, 'addbadblock -1'), /got "-1"/);
  assert.match(refusal(target, 'removebadblock 1 1'), /unrecognized message 'removebadblock'/);
  assert.match(refusal(target, 'enable 1'), /unrecognized message 'enable'/);
  assert.match(refusal(target, 'noise'), /unrecognized message 'noise' received/);
  assert.is(say(target, 'listbadblocks'), '1');
});

test.run();
