// The client's end of the control socket. Knows nothing of the library, so that a command is quick to start.

import { connect, type Socket } from 'node:net';
import { errnoText } from './errno-text.ts';
import { LineReader } from './line-reader.ts';
import { ControlError, PROTOCOL_VERSION, type Reply } from './protocol.ts';

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A reply may be longer than a request: the tables of a large device. */
const REPLY_BYTES_MAX = 256 * 2 ** 20;

export class ControlClient implements Disposable {
  readonly #socket: Socket;
  readonly #reader: LineReader = new LineReader(REPLY_BYTES_MAX);
  readonly #pending: Map<number, Pending> = new Map();
  #nextId = 1;
  #error: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data) => this.#receive(data));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(new ControlError(error.code ?? 'EIO', error.message)));
    socket.on('close', () => this.#fail(new ControlError('ECONNRESET', 'the server closed the connection')));
  }

  /** Connects to the server at `path`. Rejects with ControlError (ENOENT or ECONNREFUSED where no server runs). */
  static open(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      const refuse = ({ code = 'EIO' }: NodeJS.ErrnoException): void => {
        reject(new ControlError(code, `${path}: ${errnoText(code)}: expected the control socket of a running rqdm serve`));
      };
      socket.once('error', refuse);
      socket.once('connect', () => {
        socket.off('error', refuse);
        resolve(new ControlClient(socket));
      });
    });
  }

  /** Sends a request; resolves with its result, rejects with ControlError. Several may be in flight. */
  request<T>(op: string, fields: Readonly<Record<string, unknown>> = {}): Promise<T> {
    if (this.#error) return Promise.reject(this.#error);
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#socket.write(`${JSON.stringify({ v: PROTOCOL_VERSION, id, op, ...fields })}\n`);
    });
  }

  /** What has no answer yet rejects. */
  close(): void {
    this.#fail(new ControlError('ECONNRESET', 'the connection was closed'));
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(data: Buffer): void {
    try {
      for (const line of this.#reader.push(data)) this.#settle(JSON.parse(line) as Reply);
    } catch (error) {
      this.#fail(new ControlError('EPROTO', `the server's answer cannot be read: ${(error as Error).message}`));
      this.#socket.destroy();
    }
  }

  #settle(reply: Reply): void {
    if (reply.id === null) throw new Error(reply.error?.message ?? 'a reply without id');
    const pending = this.#pending.get(reply.id as number);
    if (!pending) return;
    this.#pending.delete(reply.id as number);
    if (reply.ok) pending.resolve(reply.result);
    else
      pending.reject(
        new ControlError(reply.error?.errno ?? 'EIO', reply.error?.message ?? 'no reason given', reply.error?.code),
      );
  }

  #fail(error: Error): void {
    this.#error ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#error);
    this.#pending.clear();
  }
}
