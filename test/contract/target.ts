// What every target must keep. A new target is tested by calling this with a few facts about it:
//
//   const test = suite('target/mine');
//   targetContract(test, { type: myTarget, line: '0 2048 mine /dev/loop0 0' });
//   test.run();
//
// The target is driven by a small world: fakes that count, a clock that stands still, and I/Os that are ended well or
// badly. Which I/Os come is chance that begins at the same number in each run.

import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  END_KILL,
  FLAG_FUA,
  FLAG_META,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_OK,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import type { DeviceReference, Target, TargetType } from '../../bindings/target/target.ts';
import { END_DONE, END_INCOMPLETE, MAP_KILL, MAP_REMAPPED, MAP_SUBMITTED } from '../../bindings/target/target.ts';
import { Random } from '../support/random.ts';
import { FakeContext, FakeIo, FakeLine, loopDevices, tableError } from '../support/target-context.ts';

export interface TargetFacts {
  readonly type: TargetType;
  /** A good line; its devices are `/dev/loop0` … `/dev/loop3`. */
  readonly line: string;
  /** More good lines, for features that change what the target does. */
  readonly lines?: readonly string[];
  /** Lines that it refuses, with the kernel's text for each. */
  readonly badLines?: readonly (readonly [line: string, kernelText: string])[];
  /** Messages that it obeys, a text each: some of them are sent between I/Os. */
  readonly messages?: readonly string[];
}

const OPERATIONS = [
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_FLUSH,
  OPERATION_DISCARD,
  OPERATION_WRITE_ZEROES,
];
const FLAGS = [0, FLAG_SYNC, FLAG_META, FLAG_FUA | FLAG_META];
const STATUSES = [STATUS_OK, STATUS_OK, STATUS_OK, STATUS_TRANSPORT, STATUS_MEDIUM];
const STEPS = 600;

/** An I/O that has been mapped and not ended. */
interface Sent {
  readonly id: number;
  readonly operation: number;
  readonly flags: number;
  readonly sector: number;
  readonly sectors: number;
  device: number;
  context: number;
}

/** Plays the core to one target: asks its hooks in the core's order, and takes care of what it keeps. */
export class TargetWorld {
  readonly line: FakeLine;
  readonly context: WorldContext;
  readonly random: Random;
  /** Below: I/Os that a path has. */
  readonly below: Sent[] = [];
  /** I/Os that the target keeps. */
  readonly kept: Map<number, Sent> = new Map();
  /** Statuses of those that have ended, by id. */
  readonly ended: Map<number, number> = new Map();
  private readonly isBio: boolean;
  private ids = 0;

  constructor(type: TargetType, line: string, seed: number, isBio = true) {
    this.random = new Random(seed);
    this.context = new WorldContext(loopDevices(4), this);
    this.line = new FakeLine(type, line, this.context);
    this.isBio = isBio;
  }

  get target(): Target {
    return this.line.target;
  }

  /** A new I/O within the target, on its way down. Returns its id. */
  submit(fields: Partial<Pick<FakeIo, 'operation' | 'flags' | 'sector' | 'sectors'>> = {}): number {
    const { random, context } = this;
    const operation = fields.operation ?? (OPERATIONS[random.below(OPERATIONS.length)] as number);
    const isFlush = operation === OPERATION_FLUSH;
    const inside = random.below(context.lengthSectors);
    const most = Math.min(context.lengthSectors - inside, this.reach(operation, inside));
    const sent: Sent = {
      id: ++this.ids,
      operation,
      flags: fields.flags ?? (FLAGS[random.below(FLAGS.length)] as number),
      sector: isFlush ? 0 : (fields.sector ?? context.beginSector + inside),
      sectors: isFlush ? 0 : (fields.sectors ?? 1 + random.below(most)),
      device: 0,
      context: 0,
    };
    this.down(sent, 0);
    return sent.id;
  }

  /** The core cuts reads and writes at the target's longest I/O. */
  private reach(operation: number, inside: number): number {
    const most = this.target.ioSectorsMax ?? 0;
    return most > 0 && (operation === OPERATION_READ || operation === OPERATION_WRITE) ? most - (inside % most) : 64;
  }

  /** prepMap and map. */
  down(sent: Sent, status: number): void {
    const { target } = this;
    const stretch = (target.extents ?? []).find(({ start, length }) => {
      const inside = sent.sector - this.context.beginSector;
      return sent.operation === OPERATION_FLUSH || (inside >= start && inside < start + length);
    });
    if (target.prepMap) {
      const io = this.io(sent, status);
      const verdict = target.prepMap(io);
      sent.context = io.context;
      if (!this.goesOn('prepMap', verdict, sent)) return;
      assert.ok(this.context.isOpened(io.device), `prepMap chose device ${io.device}, which the line does not name`);
      sent.device = io.device;
    } else {
      assert.ok(stretch, 'a target without prepMap has an extent for every sector');
      if (stretch.kind !== 'device') {
        this.end(sent.id, stretch.kind === 'zero' ? STATUS_OK : STATUS_IOERR);
        return;
      }
      sent.device = (stretch.device as DeviceReference).id;
    }
    if (target.map) {
      const io = this.io(sent, 0);
      const verdict = target.map(io);
      assert.is(io.device, sent.device, 'map does not change the device');
      assert.ok(Number.isSafeInteger(io.sector) && io.sector >= 0, `map wrote sector ${io.sector}`);
      if (sent.operation === OPERATION_FLUSH) assert.is(io.sector, 0, 'a flush has no sector to translate');
      if (!this.goesOn('map', verdict, sent)) return;
    }
    this.below.push(sent);
  }

  private goesOn(hook: string, verdict: number, sent: Sent): boolean {
    assert.ok(Number.isInteger(verdict) && verdict >= 0 && verdict <= MAP_KILL, `${hook} returned ${verdict}`);
    if (verdict === MAP_REMAPPED) return true;
    if (verdict === MAP_SUBMITTED) {
      if (!this.context.endedEarly.delete(sent.id)) this.kept.set(sent.id, sent);
    } else if (verdict === MAP_KILL) {
      this.end(sent.id, STATUS_IOERR);
    } else {
      this.down(sent, 0);
    }
    return false;
  }

  /** One of those below comes back: endIoFirst and endIo. */
  up(index: number, pathStatus: number): void {
    const { target } = this;
    const [sent] = this.below.splice(index, 1) as [Sent];
    let status = pathStatus;
    if (status !== STATUS_OK && target.endIoFirst) {
      status = target.endIoFirst(this.io(sent, status));
      assert.ok(Number.isInteger(status) && status >= 0 && status <= 255, `endIoFirst returned ${status}`);
    }
    if (!target.endIo) {
      this.end(sent.id, status);
      return;
    }
    const io = this.io(sent, status);
    const verdict = target.endIo(io);
    sent.context = io.context;
    assert.ok(Number.isInteger(verdict) && verdict >= 0 && verdict < END_KILL, `endIo returned ${verdict}`);
    if (verdict === END_DONE) this.end(sent.id, status);
    else if (verdict === END_INCOMPLETE) this.kept.set(sent.id, sent);
    else this.down(sent, status);
  }

  /** A mapped I/O that could not go: release, and prep_map again. */
  refuse(index: number): void {
    const [sent] = this.below.splice(index, 1) as [Sent];
    this.target.release?.(this.io(sent, 0));
    this.down(sent, 0);
  }

  drain(): void {
    while (this.below.length > 0) this.up(0, STATUS_OK);
  }

  end(id: number, status: number): void {
    assert.not.ok(this.ended.has(id), `I/O ${id} ends twice`);
    this.ended.set(id, status);
  }

  private io(sent: Sent, status: number): FakeIo {
    return new FakeIo({ ...sent, status, nowNs: this.context.time.now(), isBio: this.isBio });
  }
}

class WorldContext extends FakeContext {
  /** Finished by the hook that keeps them, before it has returned. */
  readonly endedEarly: Set<number> = new Set();
  timers = 0;
  private readonly world: TargetWorld;

  constructor(devices: readonly DeviceReference[], world: TargetWorld) {
    super(devices);
    this.world = world;
  }

  isOpened(id: number): boolean {
    return this.devices.some(
      (device) => device.id === id && this.opened.some((word) => word === device.word || word === device.number),
    );
  }

  override finish(id: number, status: number): void {
    if (!this.world.kept.delete(id)) this.endedEarly.add(id);
    this.world.end(id, status);
  }

  override remap(id: number, device: DeviceReference, sector: number): void {
    super.remap(id, device, sector);
    const sent = this.world.kept.get(id);
    assert.ok(sent, `I/O ${id} is given back, but is not kept`);
    assert.ok(this.isOpened(device.id));
    assert.ok(Number.isSafeInteger(sector) && sector >= 0, `remap to sector ${sector}`);
    this.world.kept.delete(id);
    // now and then the device is full, and the target is asked again
    if (this.world.random.onceIn(8)) this.world.down(sent, 0);
    else this.world.below.push({ ...sent, device: device.id });
  }

  override setTimer(delayMs: number, run: () => void): () => void {
    assert.ok(delayMs >= 0 && delayMs < 2 ** 31, `a timer of ${delayMs} ms`);
    this.timers += 1;
    let isOver = false;
    const over = (): void => {
      if (!isOver) this.timers -= 1;
      isOver = true;
    };
    const cancel = super.setTimer(delayMs, () => {
      over();
      run();
    });
    return () => {
      over();
      cancel();
    };
  }
}

function say(world: TargetWorld, text: string): void {
  const answer: unknown = world.target.message?.(text.split(' '));
  assert.ok(answer === undefined || typeof answer === 'string', `a message was answered by ${typeof answer}`);
}

/** Chance steps: I/Os come, end, are refused, messages are sent, time goes on. */
function live(world: TargetWorld, facts: TargetFacts): void {
  const { random } = world;
  const messages = facts.messages ?? [];
  for (let step = 0; step < STEPS; step++) {
    const kind = random.below(10);
    if (kind < 4) world.submit();
    else if (kind < 7 && world.below.length > 0) world.up(random.below(world.below.length), statusOf(random));
    else if (kind === 7 && world.below.length > 0 && world.target.prepMap) world.refuse(random.below(world.below.length));
    else if (kind === 8 && messages.length > 0) trySaying(world, messages[random.below(messages.length)] as string);
    else world.context.time.advanceTo(world.context.time.now() + random.below(2e9));
  }
}

function statusOf(random: Random): number {
  return STATUSES[random.below(STATUSES.length)] as number;
}

/** A message that is good at first may be refused the second time (a block that is there already). */
function trySaying(world: TargetWorld, text: string): void {
  try {
    say(world, text);
  } catch (error) {
    if (!(error instanceof RqdmError)) throw error;
  }
}

export function targetContract(test: Test, facts: TargetFacts): void {
  const { type } = facts;
  const lines = [facts.line, ...(facts.lines ?? [])];
  const modes = type.mapping === 'hybrid' ? [true, false] : [type.mapping === 'bio'];

  test(`${type.name}: its lines print, load again and print the same`, () => {
    for (const text of lines) {
      const { line } = new TargetWorld(type, text, 1);
      const printed = line.table;
      assert.match(printed, new RegExp(`^${text.split(' ').slice(0, 3).join(' ')} `));
      assert.is(new TargetWorld(type, printed.trimEnd(), 1).line.table, printed, text);
      assert.is(typeof line.status, 'string');
    }
  });

  test(`${type.name}: a bad line is refused with the kernel's text, and its place`, () => {
    for (const [text, kernelText] of facts.badLines ?? []) {
      const error = tableError(() => new TargetWorld(type, text, 1));
      assert.is(error.kernelText, kernelText, text);
      assert.is(error.place?.line, 1, text);
    }
  });

  test(`${type.name}: its devices are those that the line names, and are all told`, () => {
    for (const text of lines) {
      const { target, context } = new TargetWorld(type, text, 1);
      const told = new Set<string>();
      target.iterateDevices?.((device, start, length) => {
        assert.ok(context.isOpened(device.id));
        assert.ok(Number.isSafeInteger(start) && start >= 0 && length > 0);
        told.add(device.word);
      });
      assert.equal([...told].sort(), [...new Set(context.opened)].sort(), text);
    }
  });

  test(`${type.name}: its extents cover it where no hook chooses`, () => {
    for (const text of lines) {
      const { target, context } = new TargetWorld(type, text, 1);
      if (target.prepMap) continue;
      let end = 0;
      for (const { start, length } of target.extents ?? []) {
        assert.is(start, end, text);
        end += length;
      }
      assert.is(end, context.lengthSectors, text);
    }
  });

  for (const isBio of modes) {
    const name = `${type.name} (${isBio ? 'bio' : 'request'})`;

    test(`${name}: whatever comes, hooks answer within their sets, and every I/O ends once`, () => {
      for (const [index, text] of lines.entries()) {
        const world = new TargetWorld(type, text, 100 + index, isBio);
        live(world, facts);
        world.target.presuspend?.(false);
        world.drain();
        assert.is(world.kept.size, 0);
        assert.is(world.ended.size, world.submit() - 1, text);
      }
    });

    test(`${name}: nothing is kept after presuspend, nor taken in until the resume`, () => {
      for (const isNoflush of [false, true]) {
        const world = new TargetWorld(type, facts.line, 7, isBio);
        for (let index = 0; index < 50; index++) world.submit();
        world.target.presuspend?.(isNoflush);
        assert.is(world.kept.size, 0);
        for (let index = 0; index < 50; index++) world.submit();
        assert.is(world.kept.size, 0);
        world.drain();
        world.target.postsuspend?.();
        world.target.preresume?.();
        world.target.resume?.();
        live(world, facts);
        world.target.presuspend?.(isNoflush);
        assert.is(world.kept.size, 0);
      }
    });

    test(`${name}: what is counted is taken back: the status of a target at rest is that of a fresh one`, () => {
      const world = new TargetWorld(type, facts.line, 9, isBio);
      const { status } = world.line;
      for (let index = 0; index < 80; index++) world.submit();
      for (let index = 0; index < 20 && world.target.prepMap && world.below.length > 0; index++) world.refuse(0);
      world.target.presuspend?.(false);
      world.drain();
      assert.is(world.line.status, status);
      assert.equal(spoiled(world.context), []);
    });

    test(`${name}: destroy lets go of its timers and gives nothing back any more`, () => {
      const world = new TargetWorld(type, facts.line, 11, isBio);
      for (let index = 0; index < 30; index++) world.submit();
      world.target.destroy?.();
      assert.is(world.context.timers, 0);
      const { size } = world.ended;
      const remapped = world.context.remapped.length;
      world.context.time.advanceTo(1e15);
      assert.is(world.ended.size, size);
      assert.is(world.context.remapped.length, remapped);
    });
  }

  test(`${type.name}: messages that it knows are obeyed`, () => {
    const world = new TargetWorld(type, facts.line, 1);
    for (const text of facts.messages ?? []) say(world, text);
    if (!world.target.message) assert.is(facts.messages, undefined);
  });

  test(`${type.name}: any other message is an RqdmError and changes nothing that status shows`, () => {
    const world = new TargetWorld(type, facts.line, 13);
    const { status } = world.line;
    for (const words of [[], [''], ['nonsense'], ['nonsense', '1'], ['@stats_list'], ['a', 'b', 'c', 'd'], ['\0']]) {
      if (!world.target.message) continue;
      assert.throws(
        () => world.target.message?.(words),
        (error: unknown) => error instanceof RqdmError,
      );
    }
    assert.is(world.line.status, status);
  });
}

/** Writes whose bytes have not been put back. */
function spoiled(context: FakeContext): number[] {
  const open = new Set<number>();
  for (const [what, id] of context.edits) {
    if (what === 'write') open.add(id);
    else if (what === 'restore') open.delete(id);
  }
  return [...open];
}
