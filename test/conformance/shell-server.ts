// Where the programs and helper functions of a case ask: bash opens a connection of 127.0.0.1, sends words parted by NUL,
// and reads lines, each of which begins with a letter:
//
//   o TEXT   to standard output, escaped for `printf %b`     e TEXT   to standard error
//   i        send your standard input, and a NUL             x N      the end, with this status
//
// A key keeps others on the machine out. A connection that closes early (its program was killed) aborts what it asked.

import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** A program that runs, as it sees itself. */
export interface Asked {
  readonly program: string;
  readonly words: readonly string[];
  readonly folder: string;
  /** The process. */
  readonly pid: number;
  /** Mask of CPUs that it runs on, as `taskset` takes it; empty: any. */
  readonly cpus: string;
  /** `CLASS:LEVEL` of its I/O; empty: none. */
  readonly priority: string;
  readonly mangling: string;
  readonly signal: AbortSignal;
  print(data: string | Uint8Array): void;
  complain(data: string): void;
  readStandardInput(): Promise<string>;
}

/** Returns the exit status. */
export type Answer = (asked: Asked) => Promise<number>;

const FIELDS = 8;

export class ShellServer implements AsyncDisposable {
  readonly key: string = randomBytes(16).toString('hex');
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();

  private constructor(answer: Answer) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      socket.setNoDelay(true);
      new Conversation(socket, this.key, answer);
    });
  }

  static async open(answer: Answer): Promise<ShellServer> {
    const server = new ShellServer(answer);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

class Conversation {
  readonly #socket: Socket;
  readonly #key: string;
  readonly #answer: Answer;
  readonly #aborter: AbortController = new AbortController();
  #received = '';
  #isAsked = false;
  #input: ((text: string) => void) | undefined;

  constructor(socket: Socket, key: string, answer: Answer) {
    this.#socket = socket;
    this.#key = key;
    this.#answer = answer;
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#receive(String(text)));
    socket.on('close', () => this.#aborter.abort());
  }

  #receive(text: string): void {
    this.#received += text;
    if (!this.#isAsked) return this.#begin();
    const end = this.#received.indexOf('\0');
    if (this.#input === undefined || end < 0) return;
    this.#input(this.#received.slice(0, end));
    this.#received = this.#received.slice(end + 1);
  }

  #begin(): void {
    const fields = this.#received.split('\0');
    const last = fields.pop() as string;
    const words = Number(fields[FIELDS - 1] ?? Number.POSITIVE_INFINITY);
    if (fields.length < FIELDS + words && !(words === 0 && fields.length >= FIELDS)) return;
    this.#isAsked = true;
    this.#received = last;
    const [key, program, folder, pid, cpus, priority, mangling] = fields as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    if (key !== this.#key) {
      this.#socket.destroy();
      return;
    }
    void this.#run({
      program,
      words: fields.slice(FIELDS, FIELDS + words),
      folder,
      pid: Number(pid),
      cpus,
      priority,
      mangling,
      signal: this.#aborter.signal,
      print: (data) => this.#say('o', data),
      complain: (data) => this.#say('e', data),
      readStandardInput: () => this.#readInput(),
    });
  }

  async #run(asked: Asked): Promise<void> {
    let status: number;
    try {
      status = await this.#answer(asked);
    } catch (error) {
      asked.complain(`${asked.program}: ${(error as Error).stack}\n`);
      status = 126;
    }
    if (!this.#socket.destroyed) this.#socket.end(`x${status}\n`);
  }

  #say(letter: string, data: string | Uint8Array): void {
    if (data.length === 0 || this.#socket.destroyed) return;
    this.#socket.write(`${letter}${escaped(data)}\n`);
  }

  #readInput(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#input = resolve;
      this.#aborter.signal.addEventListener('abort', () => reject(new Error('the program was ended')), { once: true });
      this.#socket.write('i\n');
    });
  }
}

/** For `printf %b`: what stands for itself, and octal numbers for the rest. */
function escaped(data: string | Uint8Array): string {
  if (typeof data === 'string') {
    return data.replaceAll('\\', '\\\\').replace(/[\n\r\0]/g, (one) => `\\0${one.charCodeAt(0).toString(8).padStart(3, '0')}`);
  }
  let text = '';
  for (const byte of data) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  return text;
}
