// What a client may do to the control socket, by mistake or on purpose.

import { connect } from 'node:net';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Operation } from '../../src/control/connection.ts';
import { LINE_BYTES_MAX } from '../../src/control/protocol.ts';
import { ControlServer } from '../../src/control/server.ts';
import { ControlRoom } from '../support/control-room.ts';
import { RawClient } from '../support/raw-client.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const request = (id: number, op: string, fields: object = {}): string => JSON.stringify({ v: 1, id, op, ...fields });

/** A server of operations that need no devices. */
async function serving(
  work: (path: string, server: ControlServer) => Promise<void>,
  operations: Record<string, Operation>,
  limits: { unreadMs?: number; unreadBytesMax?: number } = {},
): Promise<void> {
  using folder = new TemporaryFolder();
  const path = `${folder.path}/socket`;
  const server = new ControlServer({ operations: new Map(Object.entries(operations)), ...limits });
  await server.listen(path);
  try {
    await work(path, server);
  } finally {
    await server.close();
  }
}

const echo: Record<string, Operation> = { echo: (fields) => ({ text: fields.text('text') }) };

test('a line that is no request is answered with an error, and the connection goes on', async () => {
  await serving(async (path) => {
    const client = new RawClient(path);
    const wrong: [string, RegExp, string][] = [
      ['{"v":1,', /not JSON/, 'EINVAL'],
      ['[]', /expected an object/, 'EINVAL'],
      ['7', /expected an object/, 'EINVAL'],
      ['{"v":1,"op":"echo"}', /^id/, 'EINVAL'],
      ['{"v":2,"id":1,"op":"echo"}', /^v: /, 'EPROTO'],
      ['{"v":1,"id":1}', /^op/, 'EINVAL'],
      ['{"v":1,"id":1,"op":"no such"}', /unknown request/, 'ENOTTY'],
      ['{"v":1,"id":1,"op":"__proto__"}', /unknown request/, 'ENOTTY'],
      ['{"v":1,"id":1,"op":"echo","text":7}', /^text: expected a string/, 'EINVAL'],
      ['{"v":1,"id":1,"op":"echo"}', /^text: expected a string, got nothing/, 'EINVAL'],
    ];
    for (const [line, message, errno] of wrong) {
      client.say(line);
      const { ok, error } = await client.next();
      assert.is(ok, false, line);
      assert.match(error?.message ?? '', message);
      assert.is(error?.errno, errno, line);
    }
    client.say(request(8, 'echo', { text: 'still here' }));
    assert.equal(await client.next(), { v: 1, id: 8, ok: true, result: { text: 'still here' } });
    client.socket.destroy();
  }, echo);
});

test('a line that is too long is told and ends the connection, and nobody else notices', async () => {
  await serving(async (path) => {
    const [long, other] = [new RawClient(path), new RawClient(path)];
    long.socket.write('x'.repeat(LINE_BYTES_MAX + 1));
    assert.is((await long.next()).error?.errno, 'E2BIG');
    long.socket.end();
    await long.closed();
    other.say(request(1, 'echo', { text: 'x'.repeat(LINE_BYTES_MAX - 100) }));
    assert.is((await other.next()).ok, true);
    other.socket.destroy();
  }, echo);
});

test('a line may come in any pieces, and many in one piece', async () => {
  await serving(async (path) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string(), { minLength: 1, maxLength: 20 }), fc.array(fc.nat(40)), async (texts, cuts) => {
        const client = new RawClient(path);
        let bytes = Buffer.from(texts.map((text, id) => `${request(id, 'echo', { text })}\n`).join(''));
        for (const cut of cuts) {
          client.socket.write(bytes.subarray(0, cut));
          bytes = bytes.subarray(cut);
        }
        client.socket.write(bytes);
        for (const [id, text] of texts.entries()) assert.equal(await client.next(), { v: 1, id, ok: true, result: { text } });
        client.socket.destroy();
      }),
      { numRuns: 50 },
    );
  }, echo);
});

test('no bytes bring the server down', async () => {
  await serving(async (path) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4000 }), async (bytes) => {
        const client = new RawClient(path);
        client.socket.end(bytes);
        await client.closed();
      }),
      { numRuns: 100 },
    );
    const client = new RawClient(path);
    client.say(request(1, 'echo', { text: 'a' }));
    assert.is((await client.next()).ok, true);
    client.socket.destroy();
  }, echo);
});

test('no request for devices brings the server down, whatever its fields are', async () => {
  await using room = await ControlRoom.open();
  room.attach('/dev/ram0', '1:0', 1, 'bio');
  const operations = ['create', 'load', 'resume', 'suspend', 'remove', 'rename', 'message', 'table', 'status', 'deps', 'clear'];
  const name = fc.constantFrom('a', 'b', '', 'a/b', '253:0', '__proto__', 'constructor');
  const anything = fc.oneof(fc.anything({ maxDepth: 1 }), name);
  const table = fc.constantFrom(
    '0 8 linear /dev/ram0 0',
    '0 8 error',
    '',
    '0 8',
    '\0',
    '8 8 error',
    '0 8 linear /dev/mapper/a 0',
  );
  const fields = fc.record(
    {
      name,
      device: fc.oneof(fc.record({ name }), fc.record({ uuid: name }), fc.record({ number: name }), anything),
      table: fc.oneof(table, anything),
      newName: anything,
      newUuid: anything,
      uuid: anything,
      minor: fc.oneof(fc.nat(3), anything),
      message: anything,
      sector: anything,
      noflush: fc.oneof(fc.boolean(), anything),
    },
    { requiredKeys: [] },
  );
  const client = await room.client();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...operations), fields, async (op, given) => {
      const text = JSON.stringify(given, (_, value) => (typeof value === 'bigint' ? String(value) : value));
      await client.request(op, JSON.parse(text) as Record<string, unknown>).catch((error: { errno: string }) => {
        assert.match(error.errno, /^E[A-Z]+$/);
        assert.is.not(error.errno, 'EIO');
      });
    }),
    { numRuns: 500 },
  );
  client.close();
  assert.is((await room.dmsetup('remove_all')).status, 0);
});

test('thousands of requests in one write are answered, each once and in order', async () => {
  await serving(async (path) => {
    const client = new RawClient(path);
    const count = 20_000;
    client.socket.end(Array.from({ length: count }, (_, id) => `${request(id, 'echo', { text: 'a' })}\n`).join(''));
    await client.closed();
    assert.equal(
      client.replies.map(({ id }) => id),
      Array.from({ length: count }, (_, id) => id),
    );
  }, echo);
});

test('a slow request does not keep a quick one waiting', async () => {
  let finish = (): void => {};
  const slow = new Promise<void>((resolve) => {
    finish = resolve;
  });
  await serving(
    async (path) => {
      const client = new RawClient(path);
      client.say(request(1, 'slow'));
      client.say(request(2, 'echo', { text: 'quick' }));
      assert.is((await client.next()).id, 2);
      finish();
      assert.is((await client.next()).id, 1);
      client.socket.destroy();
    },
    { ...echo, slow: () => slow },
  );
});

test('a client that has shut its sending side gets its answers, but waits are given up', async () => {
  let aborted = 0;
  const wait: Operation = (_, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted += 1;
        reject(Object.assign(new Error('gave up'), { errno: 'EINTR' }));
      });
    });
  await serving(
    async (path) => {
      const client = new RawClient(path);
      client.socket.end(`${request(1, 'wait')}\n${request(2, 'echo', { text: 'b' })}`);
      await client.closed();
      assert.equal(client.replies.map(({ id, error }) => [id, error?.errno]).sort(), [
        [1, 'EINTR'],
        [2, undefined],
      ]);
      assert.is(aborted, 1);
    },
    { ...echo, wait },
  );
});

test('a client that goes away ends its waits', async () => {
  const ended: string[] = [];
  let begun = (): void => {};
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let stopped = (): void => {};
  const hasStopped = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const wait: Operation = (_, signal) =>
    new Promise((resolve) => {
      begun();
      signal.addEventListener('abort', () => {
        ended.push('wait');
        resolve({});
        stopped();
      });
    });
  await serving(
    async (path) => {
      const client = new RawClient(path);
      client.say(request(1, 'wait'));
      await hasBegun;
      client.socket.destroy();
      await hasStopped;
      assert.equal(ended, ['wait']);
    },
    { wait },
  );
});

/** Turns of the event loop until the server has so many clients. */
async function clientsOf(server: ControlServer, count: number): Promise<void> {
  while (server.clients !== count) await new Promise((resolve) => setImmediate(resolve));
}

const big: Operation = () => ({ text: 'x'.repeat(2 ** 20) });

test('a client that never reads is cut off when its buffer is full', async () => {
  await serving(
    async (path, server) => {
      const reader = connect(path);
      reader.on('error', () => {});
      reader.pause();
      reader.write(Array.from({ length: 64 }, (_, id) => `${request(id, 'big')}\n`).join(''));
      await clientsOf(server, 1);
      await clientsOf(server, 0);
      reader.destroy();
    },
    { big },
    { unreadBytesMax: 1024, unreadMs: 600_000 },
  );
});

test('a client that reads nothing for too long is cut off', async () => {
  await serving(
    async (path, server) => {
      const reader = connect(path);
      reader.on('error', () => {});
      reader.pause();
      reader.write(`${request(1, 'big')}\n`);
      await clientsOf(server, 1);
      await clientsOf(server, 0);
      reader.destroy();
    },
    { big },
    { unreadMs: 1 },
  );
});

test('an operation that throws what nobody expects is an EIO, and is logged', async () => {
  using folder = new TemporaryFolder();
  const lines: string[] = [];
  const operations = new Map<string, Operation>([
    [
      'break',
      () => {
        throw new TypeError('a fault of ours');
      },
    ],
  ]);
  const server = new ControlServer({ operations, log: (line) => lines.push(line) });
  await server.listen(`${folder.path}/socket`);
  const client = new RawClient(`${folder.path}/socket`);
  client.say(request(1, 'break'));
  assert.is((await client.next()).error?.errno, 'EIO');
  assert.match(lines.join(), /TypeError: a fault of ours/);
  client.socket.destroy();
  await server.close();
});

test.run();
