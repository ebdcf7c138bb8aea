// `rqdm serve` as a process under everything at once: it answers, it leaves when told to, and it does not grow.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlClient } from '../../src/control/client.ts';
import { rejection } from '../support/promise-state.ts';
import { Random } from '../support/random.ts';
import { CLI, Program, type Room, serving } from '../support/serve-program.ts';

export const timeoutMs = 300_000;

const test = suite('control: storm');

const DISK = ({ folder }: Room): string => folder.file('disk', 1024 * 1024);
const device = (name: string): { device: { name: string } } => ({ device: { name } });

function rude(path: string): Socket {
  const socket = connect({ path, allowHalfOpen: true });
  socket.on('error', () => {});
  return socket;
}

function request(id: number, op: string, fields: object = {}): string {
  return `${JSON.stringify({ v: 1, id, op, ...fields })}\n`;
}

/** Bytes that a process has in memory, and what it has open, as Linux tells. */
function figuresOf(pid: number): { residentBytes: number; descriptors: number } {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  return { residentBytes: pages * 4096, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

test('SIGTERM ends the waits of clients, answers what has begun, and the process goes with status 0', async () => {
  await serving(
    () => [],
    async (server, room) => {
      const clients = await Promise.all(Array.from({ length: 50 }, () => ControlClient.open(room.socketPath)));
      const [first] = clients as [ControlClient];
      await first.request('create', { name: 'a' });
      const waits = clients.map((client) => client.request('wait', device('a')).then(String, ({ errno }) => String(errno)));
      // the replies to these come behind the beginnings of the waits
      await Promise.all(clients.map((client) => client.request('version')));
      const silent = rude(room.socketPath);
      silent.write('{"v":1,"id":1,');
      server.child.kill('SIGTERM');
      assert.equal([...new Set(await Promise.all(waits))], ['EINTR']);
      const { status, signal } = await server.finished;
      assert.equal([status, signal], [0, null]);
      for (const client of clients) client.close();
      silent.destroy();
    },
  );
});

test('SIGHUP again and again while clients make, change and remove devices: it answers, and ends with what the file says', async () => {
  const text = (offset: number): string =>
    `attach /dev/sda mem:a?size=1M number=8:0\ndevice a\n0 8 linear /dev/sda ${offset}\n`;
  await serving(
    ({ folder }) => ['--config', folder.file('conf', Buffer.from(text(0)))],
    async (server, room) => {
      const file = join(room.folder.path, 'conf');
      using client = await ControlClient.open(room.socketPath);
      const random = new Random(1);
      for (let round = 1; round <= 100; round++) {
        writeFileSync(file, round % 10 === 5 ? 'whatever\n' : text(random.below(100)));
        server.child.kill('SIGHUP');
        const name = `b${round}`;
        await client.request('create', { name });
        await client.request('load', { ...device(name), table: '0 8 linear /dev/sda 0' });
        await client.request('resume', device(name));
        await client.request('remove', device(name));
        if (round % 7 === 0) await client.request('suspend', device('a')).catch(() => {});
      }
      writeFileSync(file, text(777));
      await client.request('resume', device('a')).catch(() => {});
      const live = async (): Promise<string> => {
        const { targets } = await client.request<{ targets: { text: string }[] }>('table', device('a'));
        return targets[0]?.text ?? '';
      };
      // signals that come while one is dealt with may be one for the process: the last word is said until it is heard
      while ((await live()) !== '8:0 777') server.child.kill('SIGHUP');
      server.child.kill('SIGTERM');
      assert.is((await server.finished).status, 0);
    },
  );
});

test('rubbish, silence, half-closed and endless clients at once: others are answered, and the server stays small', async () => {
  await serving(
    () => [],
    async (server, room) => {
      const random = new Random(2);
      using client = await ControlClient.open(room.socketPath);
      await client.request('create', { name: 'a', uuid: 'u'.repeat(128) });
      const sockets: Socket[] = [];
      const kinds: ((socket: Socket) => void)[] = [
        (socket) => socket.write(random.fill(Buffer.alloc(5000))),
        (socket) => socket.end(`${request(1, 'list')}{"v":1`),
        (socket) => socket.write('x'.repeat(2 * 2 ** 20)),
        // asks for a long time and never reads
        (socket) => {
          socket.pause();
          for (let id = 0; id < 2000; id++) socket.write(request(id, 'list'));
        },
        (socket) => {
          socket.write(request(1, 'wait', device('a')));
          socket.destroySoon();
        },
        (socket) => socket.write(`${'['.repeat(100_000)}\n`),
        () => {},
      ];
      const before = figuresOf(server.child.pid as number);
      for (let round = 0; round < 40; round++) {
        for (const act of kinds) {
          const socket = rude(room.socketPath);
          sockets.push(socket);
          act(socket);
        }
        assert.is((await client.request<{ devices: object[] }>('list')).devices.length, 1);
      }
      for (const socket of sockets) socket.destroy();
      const descriptorsOf = (): number => figuresOf(server.child.pid as number).descriptors;
      while (descriptorsOf() > before.descriptors) await client.request('version');
      const grown = figuresOf(server.child.pid as number).residentBytes - before.residentBytes;
      assert.ok(grown < 200 * 2 ** 20, `${grown} bytes more`);
      server.child.kill('SIGTERM');
      assert.is((await server.finished).status, 0);
    },
  );
});

test('thousands of devices over a file come and go: memory and descriptors stay as they were', async () => {
  await serving(
    () => [],
    async (server, room) => {
      const pid = server.child.pid as number;
      const disk = DISK(room);
      using client = await ControlClient.open(room.socketPath);
      const live = async (count: number): Promise<void> => {
        for (let index = 0; index < count; index++) {
          const name = `d${index}`;
          await client.request('create', { name, uuid: `uuid-${index}` });
          const words = [`${disk}#a`, `${disk}#b`];
          const table =
            index % 2 === 0
              ? `0 2048 linear ${words[0]} 0`
              : `0 2048 multipath 0 0 1 1 service-time 0 2 2 ${words[0]} 1 1 ${words[1]} 1 1`;
          await client.request('load', { ...device(name), table });
          await client.request('resume', device(name));
          if (index % 5 === 0) await client.request('suspend', device(name));
          await client.request('status', device(name));
          await client.request('remove', device(name));
          // a request that fails must leave nothing either
          await client.request('load', { ...device(name), table }).catch(() => {});
        }
      };
      await live(1000);
      const early = figuresOf(pid);
      await live(2000);
      const late = figuresOf(pid);
      process.stdout.write(`${JSON.stringify({ early, late })}\n`);
      assert.is(late.descriptors, early.descriptors);
      // the heap breathes; three bytes of each record of 2000 devices would show
      assert.ok(late.residentBytes - early.residentBytes < 24 * 2 ** 20, `${JSON.stringify({ early, late })}`);
      assert.equal((await client.request<{ devices: object[] }>('list')).devices, []);
    },
  );
});

test('a server that was killed is followed by one that finds its socket and takes it over', async () => {
  await serving(
    () => [],
    async (server, room) => {
      using client = await ControlClient.open(room.socketPath);
      server.child.kill('SIGKILL');
      await server.finished;
      assert.is((await rejection(client.request('version')))['errno'], 'ECONNRESET');
      const next = new Program([process.execPath, CLI, 'serve'], room.env);
      await next.says('output', /ready/);
      using again = await ControlClient.open(room.socketPath);
      await again.request('create', { name: 'a' });
      next.child.kill('SIGTERM');
      assert.is((await next.finished).status, 0);
    },
  );
});

test.run();
