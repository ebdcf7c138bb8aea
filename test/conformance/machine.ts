// The machine that a case runs on: a server of mapped devices, the folder that stands for /, and the programs that the
// script calls. dmsetup and iogen are those of rqdm, run in this process against the server's socket, so that a case takes
// seconds; the rest is what the recorded machine had around them.

import { readlinkSync } from 'node:fs';
import { ControlClient } from '../../src/control/client.ts';
import type { ControlError, KernelLogReply } from '../../src/control/protocol.ts';
import { AttributeTree } from './attribute-tree.ts';
import { BlockTrace } from './block-trace.ts';
import { HeldNodes } from './held-nodes.ts';
import { NullBlocks } from './null-blocks.ts';
import { PROGRAMS } from './programs.ts';
import type { Asked } from './shell-server.ts';

/** How the kernel's shell tells of a write that was refused. */
const ERROR_TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EBUSY: 'Device or resource busy',
  EINVAL: 'Invalid argument',
};

const CPUS = 2;

export class Machine {
  readonly root: string;
  readonly socketPath: string;
  readonly client: ControlClient;
  readonly tree: AttributeTree;
  readonly nullBlocks: NullBlocks;
  readonly held: HeldNodes;
  readonly trace: BlockTrace;
  /** Lines of the kernel that nobody has seen yet. */
  kernelLines: string[] = [];
  /** Programs that do I/O now. */
  running = 0;
  #cursor = 0;
  /** One look after the other: commands of the script may run side by side. */
  #looking: Promise<void> = Promise.resolve();

  private constructor(root: string, socketPath: string, client: ControlClient) {
    this.root = root;
    this.socketPath = socketPath;
    this.client = client;
    this.tree = new AttributeTree(root, client);
    this.nullBlocks = new NullBlocks(root, client);
    this.held = new HeldNodes(root, socketPath);
    this.trace = new BlockTrace(socketPath);
  }

  static async open(root: string, socketPath: string): Promise<Machine> {
    const machine = new Machine(root, socketPath, await ControlClient.open(socketPath));
    // as many as the recorded machine had
    await machine.client.request('parameter', { name: 'cpus', value: CPUS });
    return machine;
  }

  close(): void {
    this.held.close();
    this.trace.close();
    this.client.close();
  }

  /** What a program of the script asks; resolves with its exit status. */
  async answer(asked: Asked): Promise<number> {
    const program = PROGRAMS.get(asked.program);
    if (program === undefined) {
      asked.complain(`bash: ${asked.program}: command not found\n`);
      return 127;
    }
    const words = asked.words.map((word) => this.inside(word));
    return program(this, { ...asked, words });
  }

  /** One more program does I/O, until this is disposed of. */
  runs(): Disposable {
    this.running++;
    return { [Symbol.dispose]: () => void this.running-- };
  }

  /** A path of the script as the recorded machine had it. */
  inside(text: string): string {
    return text.replaceAll(this.root, '');
  }

  /** Files and server agree again. */
  keepInStep(): Promise<void> {
    return this.#inTurn(async () => {
      this.held.look();
      await this.nullBlocks.keepInStep();
      await this.tree.keepInStep();
    });
  }

  /** One after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#looking.then(work, work);
    this.#looking = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  /** A process has written to this descriptor of its: if that is an attribute, it may be refused. */
  async wrote(pid: number, descriptor: string): Promise<string | undefined> {
    let path: string;
    try {
      path = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      return undefined;
    }
    if (!path.startsWith(`${this.root}/sys/`)) return undefined;
    return this.#inTurn(async () => {
      const isTaken = await this.nullBlocks.wrote(path);
      if (isTaken !== undefined) {
        await this.tree.show();
        return isTaken ? undefined : (ERROR_TEXTS['EINVAL'] as string);
      }
      const refusal = await this.tree.wrote(path);
      return refusal === undefined ? undefined : (ERROR_TEXTS[refusal] ?? 'Input/output error');
    });
  }

  /** Moves the server's new lines to those that the script has not seen. */
  async readKernelLog(): Promise<void> {
    for (;;) {
      const { lines, next } = await this.client.request<KernelLogReply>('kmsg', { cursor: this.#cursor });
      this.kernelLines.push(...lines);
      this.#cursor = next;
      if (lines.length === 0) return;
    }
  }

  async attach(node: string, word: string, number: string, limits: Readonly<Record<string, number>> = {}): Promise<void> {
    await this.client.request('attach', { node, word, number, limits });
  }

  setAttribute(block: string, attribute: string, value: string): Promise<unknown> {
    return this.client.request('set_block_attribute', { block, attribute, value });
  }

  /** What went wrong with a request, for a program's complaint. */
  static reason(error: unknown): string {
    return (error as ControlError).message;
  }
}
