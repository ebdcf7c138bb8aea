// `rqdm serve` as a process, and dmsetup as others.

import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlClient } from '../../src/control/client.ts';
import { CLI, dmsetup, type Finished, Program, serving } from '../support/serve-program.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const NODE = 'attach /dev/sda mem:a?size=1M&queue=bio number=8:0\n';

test('it says where it listens, obeys dmsetup, and leaves on SIGTERM with nothing left behind', async () => {
  await serving(
    ({ folder }) => ['--pidfile', join(folder.path, 'pid'), '--log', join(folder.path, 'log')],
    async (server, room) => {
      assert.is(server.output, `rqdm: ready, control socket ${room.socketPath}\n`);
      assert.is(readFileSync(join(room.folder.path, 'pid'), 'utf8'), `${server.child.pid}\n`);
      const attached = new Program([process.execPath, CLI, 'attach', '/dev/sda', 'mem:a?size=1M', '--number', '8:0'], room.env);
      assert.is((await attached.finished).output, '/dev/sda 8:0\n');
      assert.equal(await dmsetup(room, ['create', 'a'], '0 8 linear /dev/sda 0\n'), quiet);
      assert.equal((await dmsetup(room, ['table', 'a'])).output, '0 8 linear 8:0 0\n');
      const bad = await dmsetup(room, ['create', 'b', '--table', '0 8 nosuch']);
      assert.equal(
        [bad.status, bad.errors],
        [1, 'device-mapper: reload ioctl on b (253:1) failed: Invalid argument\nCommand failed.\n'],
      );
      const detached = await new Program([process.execPath, CLI, 'detach', '/dev/sda'], room.env).finished;
      assert.match(detached.errors, /in use/);
      assert.is(detached.status, 1);
      server.child.kill('SIGTERM');
      const { status, signal, errors } = await server.finished;
      assert.equal([status, signal, errors], [0, null, '']);
      assert.is(existsSync(room.socketPath), false);
      assert.is(existsSync(join(room.folder.path, 'pid')), false);
      assert.match(
        readFileSync(join(room.folder.path, 'log'), 'utf8'),
        /device-mapper: table: 253:1: nosuch: unknown target type/,
      );
    },
  );
});

const quiet: Finished = { status: 0, signal: null, output: '', errors: '' };

test('a second signal ends it at once, though a client that does not read keeps it', async () => {
  await serving(
    () => [],
    async (server, room) => {
      using client = await ControlClient.open(room.socketPath);
      await client.request('create', { name: 'a', uuid: 'u'.repeat(128) });
      const rude = connect(room.socketPath);
      rude.on('error', () => {});
      const requests = Array.from({ length: 4000 }, (_, id) => JSON.stringify({ v: 1, id, op: 'list' }));
      await new Promise((resolve) => rude.write(`${requests.join('\n')}\n`, resolve));
      // two that are answered after those of the rude one have filled its socket
      for (let index = 0; index < 2; index++) await client.request('list');
      server.child.kill('SIGINT');
      await server.says('errors', /leaving/);
      server.child.kill('SIGINT');
      assert.is((await server.finished).status, 130);
      rude.destroy();
    },
  );
});

test('SIGHUP gives changed devices their new tables, and a file with a mistake changes nothing', async () => {
  await serving(
    ({ folder }) => ['--config', folder.file('conf', Buffer.from(`${NODE}device a\n0 8 linear /dev/sda 0\n`))],
    async (server, room) => {
      const file = join(room.folder.path, 'conf');
      writeFileSync(file, `${NODE}device a\n0 8 linear /dev/sda 8\n`);
      server.child.kill('SIGHUP');
      await server.says('errors', /SIGHUP: 1 change/);
      assert.is((await dmsetup(room, ['table', 'a'])).output, '0 8 linear 8:0 8\n');
      writeFileSync(file, 'device a\nwhatever\n');
      server.child.kill('SIGHUP');
      await server.says('errors', /line 2: expected/);
      assert.is((await dmsetup(room, ['table', 'a'])).output, '0 8 linear 8:0 8\n');
      server.child.kill('SIGTERM');
      assert.is((await server.finished).status, 0);
    },
  );
});

test('a second server on the same socket is refused and leaves the first alone', async () => {
  await serving(
    () => [],
    async (_server, room) => {
      const second = await new Program([process.execPath, CLI, 'serve'], room.env).finished;
      assert.is(second.status, 1);
      assert.match(second.errors, /in use by another server/);
      assert.equal((await dmsetup(room, ['ls'])).output, 'No devices found\n');
    },
  );
});

test('words that --allow does not begin are refused', async () => {
  await serving(
    () => ['--allow', 'mem:'],
    async (_server, room) => {
      const file = room.folder.file('disk', 4096);
      const refused = new Program([process.execPath, CLI, 'attach', '/dev/sda', file], room.env);
      assert.is((await refused.finished).status, 1);
      const taken = new Program([process.execPath, CLI, 'attach', '/dev/sda', 'mem:a?size=1M'], room.env);
      assert.is((await taken.finished).status, 0);
    },
  );
});

test('through a link named dmsetup it is dmsetup, and without a server it says so', async () => {
  using folder = new TemporaryFolder();
  const link = join(folder.path, 'dmsetup');
  symlinkSync(CLI, link);
  const env = { RQDM_CONTROL: join(folder.path, 'nothing') };
  const unknown = await new Program([process.execPath, link, 'frobnicate'], env).finished;
  assert.is(unknown.status, 1);
  assert.match(unknown.errors, /^Unknown command\.\nUsage:\n\ndmsetup\n/);
  const alone = await new Program([process.execPath, link, 'ls'], env).finished;
  assert.equal([alone.status, alone.output], [1, '']);
  assert.match(alone.errors, /^\S+nothing: open failed: No such file or directory\n[\s\S]*\nCommand failed\.\n$/);
});

test('dmsetup does not load the library', async () => {
  using folder = new TemporaryFolder();
  const env = { RQDM_CONTROL: join(folder.path, 'nothing'), NODE_DEBUG: 'esm' };
  const { errors } = await new Program([process.execPath, CLI, 'dmsetup', 'splitname', 'vg-lv'], env).finished;
  assert.match(errors, /src\/command\/dmsetup\.js/);
  assert.is(/bindings|commander|control\/server/.test(errors), false);
});

test('wait ends when the event comes, and when the one who waits is gone the server forgets it', async () => {
  await serving(
    ({ folder }) => ['--config', folder.file('conf', Buffer.from(`${NODE}device a\n0 8 linear /dev/sda 0\n`))],
    async (_server, room) => {
      const waiting = new Program([process.execPath, CLI, 'dmsetup', 'wait', 'a', '-v'], room.env);
      using client = await ControlClient.open(room.socketPath);
      const gone = await ControlClient.open(room.socketPath);
      const given = gone
        .request<string>('wait', { device: { name: 'a' }, eventNumber: 0 })
        .catch((error: Error) => error.message);
      gone.close();
      assert.match(await given, /closed/);
      // the other one may not wait yet when the event comes: the number has changed then, and it need not wait
      await client.request('rename', { device: { name: 'a' }, newName: 'b' });
      await client.request('rename', { device: { name: 'b' }, newName: 'a' });
      const { status, output } = await waiting.finished;
      assert.is(status, 0);
      assert.match(output, /^Name: +[ab]\n[\s\S]*Event number: +[12]\n/);
    },
  );
});

test.run();
