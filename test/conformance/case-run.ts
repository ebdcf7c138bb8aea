// Runs the script of one case in bash against a server of its own; what it printed is the outcome.

import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine } from './machine.ts';
import { PROGRAM_NAMES } from './programs.ts';
import { ShellServer } from './shell-server.ts';

export interface Outcome {
  readonly printed: string;
  /** The script did not come to its end in time. */
  readonly isTimedOut: boolean;
  /** What the server said that is no line of the kernel's, for a look at a failure. */
  readonly serverErrors: string;
}

export interface RunSettings {
  /** The repository. */
  readonly repository: string;
  readonly timeoutMs: number;
}

/** Words of a script that are places of the machine, but for those that every process has. */
const PLACES =
  /(?<![\w\\/.}-])\/(?:sys|tmp|run|mnt)(?=\/|\b)|(?<![\w\\/.}-])\/dev\/(?!(?:null|zero|full|random|urandom|tty|stdin|stdout|stderr|fd|tcp|udp|shm)\b)|(?<![\w\\/.}-])\/lib\/dm\.sh\b|(?<![\w\\/.}-])\/proc\/(?:partitions|diskstats)\b/g;
const READERS = ['cat', 'cksum', 'cmp', 'head', 'hexdump', 'md5sum', 'od', 'sha1sum', 'sha256sum', 'strings', 'tail', 'xxd'];

/** The script with the root in front of its places. */
export function rooted(script: string, root: string): string {
  return script.replace(PLACES, (place) => `${root}${place}`);
}

export async function runCase(script: string, settings: RunSettings): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'rqdm-conformance-'));
  const root = join(folder, 'root');
  const sources = join(settings.repository, 'test/conformance');
  for (const place of ['tmp', 'run', 'mnt', 'lib', 'dev', 'sys', 'programs'])
    mkdirSync(join(place === 'programs' ? folder : root, place), { recursive: true });
  writeFileSync(join(root, 'lib/dm.sh'), '');
  layPrograms(join(folder, 'programs'), join(sources, 'programs'));
  const socketPath = join(folder, 'control');
  const server = await startServer(settings.repository, socketPath, join(folder, 'server.log'));
  try {
    const machine = await Machine.open(root, socketPath);
    await using shell = await ShellServer.open((asked) => machine.answer(asked));
    const file = join(folder, 'case.sh');
    writeFileSync(file, `. '${join(sources, 'prelude.sh')}'\n${rooted(script, root)}`);
    const isTimedOut = await runBash(file, folder, root, shell, machine, settings.timeoutMs);
    machine.close();
    const printed = readFileSync(join(folder, 'printed'), 'latin1').replaceAll(root, '').replaceAll(`${file}: `, 'bash: ');
    return {
      printed: Buffer.from(printed, 'latin1').toString('utf8'),
      isTimedOut,
      serverErrors: readFileSync(join(folder, 'server.log'), 'utf8'),
    };
  } finally {
    await server.stop();
    if (process.env['RQDM_CONFORMANCE_KEEP'] === undefined) rmSync(folder, { recursive: true, force: true });
    else process.stderr.write(`kept: ${folder}\n`);
  }
}

/** Each program under its name, in a folder that comes first in PATH. */
function layPrograms(to: string, from: string): void {
  for (const name of PROGRAM_NAMES) symlinkSync(join(from, 'ask'), join(to, name));
  for (const name of ['taskset', 'ionice', 'stat']) symlinkSync(join(from, name), join(to, name));
  for (const name of READERS) symlinkSync(join(from, 'reader'), join(to, name));
  symlinkSync(join(from, 'ask'), join(to, 'read-node'));
  symlinkSync(join(from, 'ask'), join(to, 'number'));
  symlinkSync(join(from, 'ask'), join(to, 'dd'));
  chmodSync(to, 0o755);
}

function runBash(
  file: string,
  folder: string,
  root: string,
  shell: ShellServer,
  machine: Machine,
  timeoutMs: number,
): Promise<boolean> {
  const printed = openSync(join(folder, 'printed'), 'a');
  const child = spawn('bash', [file], {
    cwd: root,
    detached: true,
    stdio: ['ignore', printed, printed],
    env: {
      PATH: `${join(folder, 'programs')}:${process.env['PATH'] ?? ''}`,
      HOME: root,
      LC_ALL: 'C',
      TERM: 'dumb',
      CONFORMANCE_ROOT: root,
      CONFORMANCE_PORT: String(shell.port),
      CONFORMANCE_KEY: shell.key,
    },
  });
  machine.held.session = child.pid ?? 0;
  return new Promise((resolve, reject) => {
    let isTimedOut = false;
    const end = (): void => {
      try {
        // all of its processes, which are a group of their own
        process.kill(-(child.pid as number), 'SIGKILL');
      } catch {
        // none is left
      }
    };
    const timer = setTimeout(() => {
      isTimedOut = true;
      end();
    }, timeoutMs);
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(timer);
      end();
      closeSync(printed);
      resolve(isTimedOut);
    });
  });
}

interface RunningServer {
  stop(): Promise<void>;
}

async function startServer(repository: string, socketPath: string, logFile: string): Promise<RunningServer> {
  const log = openSync(logFile, 'a');
  const child = spawn(
    process.execPath,
    [join(repository, 'build/src/cli.js'), 'serve', '--control', socketPath, '--devices', '64'],
    {
      stdio: ['ignore', 'pipe', log],
    },
  );
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status) => reject(new Error(`rqdm serve ended with status ${status}: ${readFileSync(logFile, 'utf8')}`)));
    child.stdout?.on('data', (text: Buffer) => {
      if (String(text).includes('ready')) resolve();
    });
  });
  return {
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
      await ended;
      clearTimeout(timer);
    },
  };
}
