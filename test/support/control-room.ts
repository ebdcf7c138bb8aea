// A server of mapped devices in this process, and dmsetup run against it through its socket, as a user's process would.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeviceMapper, type MapperOptions, type PathLimits } from '../../bindings/index.ts';
import { blockOperations } from '../../src/control/block-operations.ts';
import { ControlClient } from '../../src/control/client.ts';
import { ioOperations } from '../../src/control/io-operations.ts';
import { KernelLog } from '../../src/control/kernel-log.ts';
import { deviceOperations } from '../../src/control/operations.ts';
import { ControlServer, type ControlServerOptions } from '../../src/control/server.ts';
import { traceOperations } from '../../src/control/trace-operations.ts';
import { transferOperations } from '../../src/control/transfer-operations.ts';
import { dmsetup } from '../../src/dmsetup/dmsetup.ts';
import { TemporaryFolder } from './temporary-folder.ts';

export interface Ran {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

export class ControlRoom implements AsyncDisposable {
  readonly folder: TemporaryFolder = new TemporaryFolder();
  readonly log: KernelLog = new KernelLog();
  readonly mapper: DeviceMapper;
  readonly server: ControlServer;
  readonly socketPath: string = join(this.folder.path, 'control.sock');
  #seenLines = 0;

  private constructor(mapper: MapperOptions, server: Partial<ControlServerOptions>) {
    this.mapper = new DeviceMapper({ mode: 'inline', ...mapper, log: (line) => this.log.add(line) });
    const operations = new Map([
      ...deviceOperations(this.mapper, this.log),
      ...blockOperations(this.mapper),
      ...transferOperations(this.mapper),
      ...ioOperations(this.mapper),
      ...traceOperations(this.mapper),
    ]);
    this.server = new ControlServer({ operations, ...server });
  }

  static async open(mapper: MapperOptions = {}, server: Partial<ControlServerOptions> = {}): Promise<ControlRoom> {
    const room = new ControlRoom(mapper, server);
    await room.server.listen(room.socketPath);
    return room;
  }

  client(): Promise<ControlClient> {
    return ControlClient.open(this.socketPath);
  }

  /** Runs dmsetup with these words. */
  async run(words: readonly string[], input = '', env: NodeJS.ProcessEnv = { LC_ALL: 'C' }): Promise<Ran> {
    let output = '';
    let errors = '';
    const status = await dmsetup(words, {
      print: (text) => {
        output += text;
      },
      show: () => {},
      complain: (line) => {
        errors += `${line}\n`;
      },
      readStandardInput: async () => input,
      readFile: async (name) => readFileSync(name, 'utf8'),
      connect: () => this.client(),
      columns: undefined,
      env,
    });
    return { status, output, errors };
  }

  /** The same with the words in one text, separated by blanks. */
  dmsetup(text: string, input = ''): Promise<Ran> {
    return this.run(text.split(' '), input);
  }

  /** Memory of so many MiB under the name of a node. */
  attach(node: string, number: string, mebibytes: number, queue: 'bio' | 'request', limits: Partial<PathLimits> = {}): void {
    this.mapper.attach(node, `mem:${node.replace(/\W/g, '')}?size=${mebibytes}M&queue=${queue}`, { number, limits });
  }

  /** Lines of the kernel's log since the last call. */
  newKernelLines(): string[] {
    const { lines, next } = this.log.read(this.#seenLines);
    this.#seenLines = next;
    return [...lines];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    await this.mapper.close();
    this.folder[Symbol.dispose]();
  }
}
