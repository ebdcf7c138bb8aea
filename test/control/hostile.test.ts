// Requests that are wrong in each way that they can be: each gets an error that names the field, and the server goes on.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Checkers } from '../../src/control/checkers.ts';
import type { ControlClient } from '../../src/control/client.ts';
import type { Operation } from '../../src/control/connection.ts';
import { multipathOperations } from '../../src/control/multipath-operations.ts';
import { deviceOperations } from '../../src/control/operations.ts';
import { ControlRoom } from '../support/control-room.ts';
import { poolFigures } from '../support/mapper-parts.ts';
import { rejection, turns } from '../support/promise-state.ts';
import { RawClient } from '../support/raw-client.ts';

const test = suite('control: hostile requests');

const RUNS = Number(process.env['RQDM_FUZZ_RUNS'] ?? 400);

/** What a field must be. */
type Kind = 'text' | 'flag' | 'number' | 'device' | 'numbers';

/** Every operation with its fields; `?`: it may be missing. */
const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Kind | `${Kind}?`>>>> = {
  version: {},
  kmsg: { cursor: 'number?' },
  create: { name: 'text', uuid: 'text?', minor: 'number?', readOnly: 'flag?' },
  remove: { device: 'device', deferred: 'flag?', force: 'flag?' },
  remove_all: { deferred: 'flag?' },
  load: { device: 'device', table: 'text', readOnly: 'flag?' },
  clear: { device: 'device' },
  suspend: { device: 'device', noflush: 'flag?', nolockfs: 'flag?' },
  resume: { device: 'device', noflush: 'flag?', nolockfs: 'flag?' },
  rename: { device: 'device', newName: 'text?', newUuid: 'text?' },
  message: { device: 'device', message: 'text', sector: 'number?' },
  wait: { device: 'device', eventNumber: 'number?' },
  list: {},
  info: { device: 'device', inactive: 'flag?' },
  table: { device: 'device', inactive: 'flag?' },
  status: { device: 'device', inactive: 'flag?' },
  deps: { device: 'device', inactive: 'flag?' },
  table_all: { inactive: 'flag?' },
  status_all: { inactive: 'flag?' },
  deps_all: { inactive: 'flag?' },
  targets: {},
  'target-version': { name: 'text' },
  attach: { node: 'text', word: 'text', number: 'text?', limits: 'numbers?', readOnly: 'flag?' },
  detach: { node: 'text' },
  attached: {},
  explain: { name: 'text', keep: 'number?', last: 'number?' },
  topology: { name: 'text?' },
};

const DEEP = nested(20_000);

/** Values of each kind that the others take for wrong. */
const VALUES: readonly (readonly [kind: Kind | undefined, value: unknown])[] = [
  ['text', 'there'],
  ['flag', true],
  ['number', 7],
  ['device', { name: 'there' }],
  ['numbers', { depth: 1 }],
  [undefined, -1],
  [undefined, 0.5],
  [undefined, 1e300],
  [undefined, [1]],
  [undefined, { depth: 'deep' }],
  [undefined, { name: 7 }],
  [undefined, { name: ['there'] }],
  [undefined, DEEP],
];

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

/** The text of a request; JSON.stringify cannot write what is as deep. */
function line(op: string, fields: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(fields).map(([name, value]) => {
    const text = value === DEEP ? `${'['.repeat(20_001)}${']'.repeat(20_001)}` : JSON.stringify(value);
    return `,${JSON.stringify(name)}:${text}`;
  });
  return `{"v":1,"id":1,"op":${JSON.stringify(op)}${texts.join('')}}`;
}

interface Hostile {
  readonly room: ControlRoom;
  readonly operations: ReadonlyMap<string, Operation>;
  /** Lines about faults of the server's own. */
  readonly faults: string[];
  readonly client: RawClient;
}

/** A server with every operation that `rqdm serve` has, and one multipath device. */
async function hostile(work: (hostile: Hostile) => Promise<void>): Promise<void> {
  const faults: string[] = [];
  const operations = new Map<string, Operation>();
  await using room = await ControlRoom.open({}, { operations, log: (text) => faults.push(text) });
  const checkers = new Checkers(room.mapper, { intervalMs: 60_000 });
  const all = [...checkers.follow(deviceOperations(room.mapper, room.log)), ...multipathOperations(room.mapper, checkers)];
  for (const [name, operation] of all) operations.set(name, operation);
  room.attach('/dev/sda', '8:0', 1, 'request');
  const device = await room.mapper.createDevice({
    name: 'there',
    table: '0 2048 multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 0 /dev/sda',
  });
  const client = new RawClient(room.socketPath);
  try {
    await work({ room, operations, faults, client });
    assert.is(room.mapper.getDevice('there') ?? device, device);
  } finally {
    client.socket.destroy();
    await checkers.close();
  }
}

/** It answers, and has not met anything that it did not foresee. */
async function isAlive({ room, faults }: Hostile): Promise<void> {
  assert.equal(faults, []);
  using client = await room.client();
  assert.is((await client.request<{ protocol: number }>('version')).protocol, 1);
}

test('each field of each request with a value of a wrong type: the answer names the field', async () => {
  await hostile(async (all) => {
    const { operations, client } = all;
    assert.equal([...operations.keys()].sort(), Object.keys(OPERATIONS).sort(), 'operations that this test does not know');
    let refused = 0;
    for (const [op, fields] of Object.entries(OPERATIONS)) {
      for (const [field, expected] of Object.entries(fields)) {
        const right = Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, rightValue(kind)]));
        for (const [kind, value] of [...VALUES, ['missing', undefined] as const]) {
          if (kind === expected.replace('?', '') || (kind === 'missing' && expected.endsWith('?'))) continue;
          // any object of numbers is one, and a device is an object too
          if (expected === 'numbers?' && (value as { name?: unknown } | undefined)?.name === 7) continue;
          const given = { ...right, [field]: value };
          if (kind === 'missing') delete given[field];
          client.say(line(op, given));
          const { ok, error } = await client.next();
          const told = `${op} with ${field} = ${value === DEEP ? 'nested lists' : JSON.stringify(value)}: ${error?.message}`;
          assert.is(ok, false, told);
          assert.is(error?.errno, 'EINVAL', told);
          const isInside = field === 'device' && error?.message.startsWith('name: expected a string');
          assert.ok(error?.message.startsWith(`${field}: expected`) || isInside, told);
          assert.ok((error?.message.length ?? 0) < 200, told);
          refused += 1;
        }
      }
    }
    assert.ok(refused > 400, `${refused} refused`);
    await isAlive(all);
  });
});

function rightValue(kind: Kind | `${Kind}?`): unknown {
  const bare = kind.replace('?', '');
  return VALUES.find(([name]) => name === bare)?.[1];
}

test('words of any kind in any field: each request is obeyed or refused with an error that was foreseen', async () => {
  await hostile(async (all) => {
    const { room, faults } = all;
    room.attach('/dev/sdb', '8:16', 1, 'bio');
    const name = fc.constantFrom(
      'a',
      'b',
      'there',
      '',
      '.',
      '..',
      'control',
      'a/b',
      '__proto__',
      'constructor',
      'x'.repeat(200),
    );
    const table = fc.constantFrom(
      '0 8 linear /dev/sdb 0',
      '0 8 error',
      '0 2048 multipath 0 0 1 1 service-time 0 1 2 /dev/sda 1 1',
      '0 8 linear /dev/mapper/a 0',
      '0 * linear /dev/sdb 0',
      '0 99999999999999999999 error',
      '\0',
      `0 8 ${'x'.repeat(5000)}`,
      '\ud800 \ud800',
    );
    const message = fc.constantFrom(
      'fail_path 8:0',
      'reinstate_path 8:0',
      '@stats_create - 1',
      '@stats_list',
      'explain on',
      '"',
      '\\',
    );
    const number = fc.constantFrom('8:0', '8:16', '8:32', ':', '99999:0', '-1:0');
    const word = fc.constantFrom(
      'mem:x?size=1M',
      'mem:x',
      'null:1T',
      'sim:x?size=1M',
      './nothing',
      'mem:x?size=1M&size=2M',
      '',
    );
    const text = fc.oneof(name, table, message, number, word, fc.string({ unit: 'binary', maxLength: 20 }));
    const values: Record<Kind, fc.Arbitrary<unknown>> = {
      text,
      flag: fc.boolean(),
      number: fc.oneof(fc.nat(20), fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 53 - 1)),
      device: fc.oneof(fc.record({ name }), fc.record({ uuid: text }), fc.record({ number })),
      numbers: fc.dictionary(fc.constantFrom('depth', 'maxSectors', '__proto__', 'x'), fc.double()),
    };
    const named: Record<string, fc.Arbitrary<unknown>> = { name, table, message, number, word, newName: name };
    // `wait` waits, unless the number is another
    const requests = Object.entries(OPERATIONS).map(([op, fields]) =>
      fc.record(
        {
          op: fc.constant(op),
          ...Object.fromEntries(
            Object.entries(fields).map(([field, kind]) => [field, named[field] ?? values[kind.replace('?', '') as Kind]]),
          ),
        },
        { requiredKeys: ['op', ...Object.keys(fields).filter((field) => !(fields[field] as string).endsWith('?'))] as never },
      ),
    );
    const free = poolFigures(room.mapper);
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(...requests), { minLength: 1, maxLength: 12 }), async (steps) => {
        const client = await room.client();
        const answers = steps.map((step) => outcomeOf(client, step as { op: string }));
        // all have begun when the last one is answered; a wait that goes on ends with its client
        await client.request('version');
        await turns(3);
        client.close();
        for (const outcome of await Promise.all(answers)) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        assert.equal(faults, []);
      }),
      { numRuns: RUNS },
    );
    assert.ok((outcomes.get('good') ?? 0) > RUNS / 2, JSON.stringify([...outcomes]));
    assert.not.ok(outcomes.has('EIO'));
    for (const device of room.mapper.devices.slice().reverse()) {
      if (device.isSuspended && device.hasLiveTable) await device.resume();
    }
    using client = await room.client();
    await client.request('remove_all', {});
    assert.equal(room.mapper.devices.length, 0);
    assert.equal({ ...poolFigures(room.mapper), staleAnswers: 0 }, { ...free, staleAnswers: 0 });
    await isAlive(all);
  });
});

/** 'good', or the errno; 'left' where the client went before the answer came. */
async function outcomeOf(client: ControlClient, { op, ...fields }: { op: string }): Promise<string> {
  try {
    await client.request(op, fields);
    return 'good';
  } catch (error) {
    const { errno } = error as { errno: string };
    assert.match(errno, /^E[A-Z0-9]+$/);
    return errno === 'ECONNRESET' ? 'left' : errno;
  }
}

test('JSON that is deep, long, or about prototypes is a request like others, and changes nothing', async () => {
  await hostile(async (all) => {
    const { client } = all;
    for (const depth of [100, 10_000, 100_000]) {
      client.say(`${'['.repeat(depth)}${']'.repeat(depth)}`);
      assert.is((await client.next()).error?.errno, 'EINVAL');
      client.say(`{"v":1,"id":1,"op":"version","x":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`);
      assert.is((await client.next()).ok, true);
      client.say('['.repeat(depth));
      assert.is((await client.next()).error?.errno, 'EINVAL');
    }
    for (const text of [
      '{"v":1,"id":1,"op":"create","__proto__":{"name":"sly","isAdmin":true}}',
      '{"v":1,"id":1,"op":"create","constructor":{"prototype":{"name":"sly"}}}',
      '{"v":1,"id":1,"op":"info","device":{"__proto__":{"name":"there"}}}',
      '{"__proto__":{"v":1,"id":1,"op":"version"}}',
    ]) {
      client.say(text);
      assert.is((await client.next()).ok, false, text);
    }
    assert.is((Object.prototype as Record<string, unknown>)['name'], undefined);
    for (const op of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '']) {
      client.say(JSON.stringify({ v: 1, id: 1, op }));
      assert.is((await client.next()).error?.errno, 'ENOTTY', op);
    }
    client.say(JSON.stringify({ v: 1, id: 1, op: 'version', name: 'x'.repeat(900_000) }));
    assert.is((await client.next()).ok, true);
    for (const id of [{}, [], true, 'x'.repeat(100), null]) {
      client.say(JSON.stringify({ v: 1, id, op: 'version' }));
      assert.equal([(await client.next()).ok], [false]);
    }
    await isAlive(all);
  });
});

test('clients that vanish while they wait for events, suspends and resumes leave nothing behind', async () => {
  await hostile(async (all) => {
    const { room } = all;
    const device = { name: 'there' };
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(Array.from({ length: 20 }, () => room.client()));
      const given = clients.flatMap((client) => [
        rejection(client.request('wait', { device, eventNumber: room.mapper.getDevice('there')!.eventNumber })),
        outcomeOf(client, { op: 'suspend', device } as { op: string }),
        outcomeOf(client, { op: 'resume', device } as { op: string }),
      ]);
      for (const client of clients) client.close();
      await Promise.all(given);
      while (room.server.clients > 1) await new Promise((resolve) => setImmediate(resolve));
    }
    using client = await room.client();
    await client.request('resume', { device });
    assert.is(room.mapper.getDevice('there')?.isSuspended, false);
    assert.is((await room.mapper.getDevice('there')!.read(0, 512)).length, 512);
    await isAlive(all);
  });
});

test.run();
