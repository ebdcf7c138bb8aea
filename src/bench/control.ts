// Bench `control`: how quick a server is to talk to. `rqdm serve` runs as a process of its own, as it does for users, and
// is asked through its socket with what `dmsetup` sends: `create` with a table is three requests (create, load, resume),
// `remove` is one. Each waits for the reply of the one before, on one connection.
//
// `status1000` is one `dmsetup status` of a thousand devices, as a client that is running sees it; `status1000.command` is
// the whole command, most of which is Node's own start.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../control/client.ts';
import type { TableReply } from '../control/protocol.ts';
import type { BenchContext, Result } from './bench.ts';
import { Repetitions } from './median.ts';

const CLI = fileURLToPath(new URL('../cli.js', import.meta.url));
const DEVICES = 1000;
const SECTORS = 2048;

interface Server {
  readonly child: ChildProcess;
  readonly socketPath: string;
}

export async function benchControl(context: BenchContext): Promise<Result[]> {
  // a socket's path has to be short
  const folder = mkdtempSync(join(tmpdir(), 'rqdm-bench-'));
  let server: Server | undefined;
  try {
    context.say('control: starting a server');
    server = await startServer(join(folder, 'socket'));
    using client = await ControlClient.open(server.socketPath);
    return await measureAll(context, client, server.socketPath);
  } catch (error) {
    // Ctrl-C reaches the server too, and its answers are missing then
    context.signal.throwIfAborted();
    throw error;
  } finally {
    if (server !== undefined) await stop(server.child);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(context: BenchContext, client: ControlClient, socketPath: string): Promise<Result[]> {
  for (const [index, node] of ['/dev/sda', '/dev/sdb'].entries()) {
    await client.request('attach', { node, word: `mem:bench?size=1M#${index}`, number: `8:${16 * index}` });
  }
  const lives = context.isQuick ? 20 : 500;
  await measureLives(client, lives);
  const rates = await Repetitions.run(context, 'control', context.isQuick ? 1 : 5, async () => ({
    rate: await measureLives(client, lives),
  }));
  context.say(`control: making ${DEVICES} devices`);
  for (let index = 0; index < DEVICES; index++) await create(client, `device${index}`, tableOf(index));
  const views = await Repetitions.run(context, 'control', context.isQuick ? 2 : 15, async () => ({
    status: await measureStatus(client),
    command: await measureCommand(socketPath),
  }));
  return [
    { name: 'control.create-remove', value: rates.median('rate'), unit: 'pairs/s', reach: { atLeast: 200 } },
    { name: 'control.status1000', value: views.median('status'), unit: 'ms', reach: { atMost: 100 } },
    { name: 'control.status1000.command', value: views.median('command'), unit: 'ms' },
  ];
}

/** Half of them are multipath, as the longest status lines are its. */
function tableOf(index: number): string {
  if (index % 2 === 0) return `0 ${SECTORS} linear /dev/sda 0`;
  return `0 ${SECTORS} multipath 1 queue_if_no_path 0 2 1 service-time 0 1 2 /dev/sda 1 1 service-time 0 1 2 /dev/sdb 1 1`;
}

async function create(client: ControlClient, name: string, table: string): Promise<void> {
  const device = { name };
  await client.request('create', device);
  await client.request('load', { device, table });
  await client.request('resume', { device });
}

/** Creations and removals a second. */
async function measureLives(client: ControlClient, count: number): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    const name = `life${index}`;
    await create(client, name, tableOf(index));
    await client.request('remove', { device: { name } });
  }
  return (count * 1000) / (performance.now() - start);
}

/** Milliseconds. */
async function measureStatus(client: ControlClient): Promise<number> {
  const start = performance.now();
  const { replies } = await client.request<{ replies: TableReply[] }>('status_all');
  const ms = performance.now() - start;
  if (replies.length !== DEVICES) throw new Error(`bench control: status of ${replies.length} devices`);
  return ms;
}

/** Milliseconds. */
async function measureCommand(socketPath: string): Promise<number> {
  const start = performance.now();
  const lines = await new Promise<number>((resolve, reject) => {
    const env = { ...process.env, RQDM_CONTROL: socketPath };
    execFile(process.execPath, [CLI, 'dmsetup', 'status'], { env, maxBuffer: 2 ** 24 }, (error, output) => {
      if (error) reject(error);
      else resolve(output.split('\n').length - 1);
    });
  });
  if (lines !== DEVICES) throw new Error(`bench control: the command printed ${lines} lines`);
  return performance.now() - start;
}

// ---- the server -------------------------------------------------------------------------------------------------------

async function startServer(socketPath: string): Promise<Server> {
  const words = [CLI, 'serve', '--control', socketPath, '--devices', String(2 * DEVICES)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const ended = once(child, 'close').then(() => Promise.reject(new Error(`bench control: the server ended: ${errors}`)));
  // it says that it is ready in its first line
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => {});
  return { child, socketPath };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
}
