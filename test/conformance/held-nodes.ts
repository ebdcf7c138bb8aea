// Nodes that the shell of a case holds open (`exec 7</dev/mapper/a`): each is held open at the server too, so that it counts
// in open counts. A connection of its own holds a node; it closes with it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ControlClient } from '../../src/control/client.ts';

export class HeldNodes {
  readonly #root: string;
  readonly #socketPath: string;
  readonly #held: Map<string, Promise<ControlClient>> = new Map();
  /** The session whose processes are looked at; 0: not begun. */
  session = 0;

  constructor(root: string, socketPath: string) {
    this.#root = root;
    this.#socketPath = socketPath;
  }

  look(): void {
    const found = new Set(this.#openFiles());
    for (const [key, client] of this.#held) {
      if (found.has(key)) continue;
      this.#held.delete(key);
      void client.then((one) => one.close());
    }
    for (const key of found) if (!this.#held.has(key)) this.#held.set(key, this.#hold(key));
  }

  async #hold(key: string): Promise<ControlClient> {
    const client = await ControlClient.open(this.#socketPath);
    const minor = /\/dm-(\d+)$/.exec(key)?.[1];
    client.request('hold', { device: { number: `253:${minor}` } }).catch(() => {});
    return client;
  }

  /** `PID FD PATH` of each node of a mapped device that a process of the session has open. */
  #openFiles(): string[] {
    if (this.session === 0) return [];
    return readdirSync('/proc').flatMap((pid) => {
      if (!/^\d+$/.test(pid) || sessionOf(pid) !== this.session) return [];
      return descriptorsOf(pid).flatMap((descriptor) => {
        const path = linkOf(`/proc/${pid}/fd/${descriptor}`);
        return path.startsWith(`${this.#root}/dev/dm-`) ? [`${pid} ${descriptor} ${path}`] : [];
      });
    });
  }

  close(): void {
    for (const client of this.#held.values()) void client.then((one) => one.close());
    this.#held.clear();
  }
}

function sessionOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
  } catch {
    return -1;
  }
}

function descriptorsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
