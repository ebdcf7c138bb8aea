// The control socket as a file: who may open it, and whose it is.

import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlClient } from '../../src/control/client.ts';
import { ControlServer } from '../../src/control/server.ts';
import { controlSocketPath } from '../../src/control/socket-path.ts';
import { runProgram } from '../support/program.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const operations = new Map([['ping', () => ({ answer: 'pong' })]]);

async function refusal(work: Promise<unknown>): Promise<{ errno: string; message: string }> {
  return work.then(
    () => assert.unreachable('it was not refused'),
    (error) => error,
  ) as Promise<{ errno: string; message: string }>;
}

test('the socket and its folder are for this user alone, and gone when the server has closed', async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'rqdm', 'control.sock');
  const server = new ControlServer({ operations });
  await server.listen(path);
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.is(statSync(join(folder.path, 'rqdm')).mode & 0o777, 0o700);
  using client = await ControlClient.open(path);
  assert.equal(await client.request('ping'), { answer: 'pong' });
  await server.close();
  assert.is(existsSync(path), false);
});

test('a socket that somebody answers is left to him', async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'socket');
  const [first, second] = [new ControlServer({ operations }), new ControlServer({ operations })];
  await first.listen(path);
  const { errno, message } = await refusal(second.listen(path));
  assert.is(errno, 'EADDRINUSE');
  assert.match(message, /in use/);
  using client = await ControlClient.open(path);
  assert.equal(await client.request('ping'), { answer: 'pong' });
  client.close();
  await first.close();
});

test('a socket whose server has died is taken over', async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'socket');
  const died = await runProgram(`
    import { createServer } from 'node:net';
    createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'));
  `);
  assert.is(died.signal, 'SIGKILL');
  assert.is(existsSync(path), true);
  const server = new ControlServer({ operations });
  await server.listen(path);
  using client = await ControlClient.open(path);
  assert.equal(await client.request('ping'), { answer: 'pong' });
  client.close();
  await server.close();
});

test('a file in the place of the socket is not removed', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('socket', Buffer.from('precious'));
  const { errno, message } = await refusal(new ControlServer({ operations }).listen(path));
  assert.is(errno, 'EADDRINUSE');
  assert.match(message, /no socket/);
  assert.is(folder.read('socket').toString(), 'precious');
});

test('where no server listens a client is told so', async () => {
  using folder = new TemporaryFolder();
  assert.is((await refusal(ControlClient.open(join(folder.path, 'socket')))).errno, 'ENOENT');
});

test('a server that is gone fails what is in flight', async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'socket');
  const server = createServer((socket) => socket.once('data', () => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  using client = await ControlClient.open(path);
  assert.is((await refusal(client.request('ping'))).errno, 'ECONNRESET');
  assert.is((await refusal(client.request('ping'))).errno, 'ECONNRESET');
  await new Promise((resolve) => server.close(resolve));
});

test('the place of the socket: what is asked, the environment, the run-time folder, a folder of this user', () => {
  assert.is(controlSocketPath('/a', { RQDM_CONTROL: '/b' }), '/a');
  assert.is(controlSocketPath(undefined, { RQDM_CONTROL: '/b', XDG_RUNTIME_DIR: '/run/user' }), '/b');
  assert.is(controlSocketPath(undefined, { XDG_RUNTIME_DIR: '/run/user' }), '/run/user/rqdm/control.sock');
  assert.is(controlSocketPath(undefined, {}), join(tmpdir(), `rqdm-${userInfo().uid}`, 'control.sock'));
});

test('a folder for temporary files that others may enter is not trusted', async () => {
  using folder = new TemporaryFolder();
  const result = await runProgram(
    `
    import { ControlServer } from ${JSON.stringify(new URL('../../src/control/server.js', import.meta.url).href)};
    import { controlSocketPath } from ${JSON.stringify(new URL('../../src/control/socket-path.js', import.meta.url).href)};
    await new ControlServer({ operations: new Map() }).listen(controlSocketPath(undefined, {})).catch((error) => {
      console.log(error.errno);
      process.exit(3);
    });
    console.log('listens');
    process.exit(0);
  `,
    { before: ['env', `TMPDIR=${loose(folder.path)}`] },
  );
  assert.is(result.output.trim(), 'EACCES');
  assert.is(result.status, 3);
});

/** A folder for temporary files in which somebody has made our folder before us, open to all. */
function loose(parent: string): string {
  const own = join(parent, `rqdm-${userInfo().uid}`);
  mkdirSync(own);
  chmodSync(own, 0o777);
  writeFileSync(join(own, 'trap'), '');
  return parent;
}

test.run();
