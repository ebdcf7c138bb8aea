// The control socket: a Unix socket that only this user may open.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Connection, type Operation } from './connection.ts';
import { ControlError } from './protocol.ts';
import { prepareSocketFolder } from './socket-path.ts';

export interface ControlServerOptions {
  readonly operations: ReadonlyMap<string, Operation>;
  readonly log?: (line: string) => void;
  /** How long a client may leave what it was sent unread before it is cut off, milliseconds. Default 30 000. */
  readonly unreadMs?: number;
  /** What a client may leave unread before it is cut off, bytes. Default 16 MiB. */
  readonly unreadBytesMax?: number;
}

const UNREAD_MS = 30_000;
const UNREAD_BYTES_MAX = 16 * 2 ** 20;
const SOCKET_MODE = 0o600;
const CLIENTS_MAX = 1024;

export class ControlServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #connections: Set<Connection> = new Set();
  #path: string | undefined;

  constructor(options: ControlServerOptions) {
    const complete = {
      operations: options.operations,
      log: options.log ?? (() => {}),
      unreadMs: options.unreadMs ?? UNREAD_MS,
      unreadBytesMax: options.unreadBytesMax ?? UNREAD_BYTES_MAX,
    };
    this.#server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
      const connection = new Connection(socket, complete);
      this.#connections.add(connection);
      socket.on('close', () => this.#connections.delete(connection));
    });
    this.#server.maxConnections = CLIENTS_MAX;
    this.#server.on('error', (error) => complete.log(`control: ${error.message}`));
  }

  /** Clients that are connected. */
  get clients(): number {
    return this.#connections.size;
  }

  /**
   * Listens at `path`. A socket there that nobody answers is taken over; one that is in use, or anything else at that
   * place, is refused (EADDRINUSE).
   */
  async listen(path: string): Promise<void> {
    prepareSocketFolder(path);
    await removeStaleSocket(path);
    // the mode of the socket is what the mask leaves, so that it is never open to others, not even for a moment
    const mask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen(path, () => {
          this.#server.off('error', reject);
          resolve();
        });
      });
    } finally {
      process.umask(mask);
    }
    chmodSync(path, SOCKET_MODE);
    this.#path = path;
  }

  /** Takes no more clients and requests, answers what has begun, removes the socket. */
  async close(): Promise<void> {
    if (this.#path === undefined) return;
    this.#path = undefined;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Promise.all([...this.#connections].map((connection) => connection.finish()));
    await closed;
  }

  /** Cuts everybody off at once. */
  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new ControlError('EADDRINUSE', `${path} exists and is no socket`);
  if (await isAnswered(path)) throw new ControlError('EADDRINUSE', `${path} is in use by another server`);
  unlinkSync(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
}
