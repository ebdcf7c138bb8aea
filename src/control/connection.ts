// One client of the control socket. Nothing that it sends, or leaves unread, can harm the server: lines have a length,
// requests in flight a number, and what it does not read fills a bounded buffer until its time is over.

import type { Socket } from 'node:net';
import { Fields, isObject } from './fields.ts';
import { LineReader, type LineTooLongError } from './line-reader.ts';
import { ControlError, LINE_BYTES_MAX, PROTOCOL_VERSION, type Reply, type ReplyError } from './protocol.ts';

/** Does a request's work. What it returns is the reply's `result`; `signal` says that the client is gone or gives up. */
export type Operation = (fields: Fields, signal: AbortSignal) => unknown;

export interface ConnectionOptions {
  readonly operations: ReadonlyMap<string, Operation>;
  /** Tells of faults of ours; a client's mistakes are told to the client. */
  readonly log: (line: string) => void;
  /** How long a client may leave what it was sent unread, milliseconds. */
  readonly unreadMs: number;
  /** What a client may leave unread, bytes. */
  readonly unreadBytesMax: number;
}

/** How long an answer may take on its way to a client when the server closes, milliseconds. */
const FINISH_MS = 5000;

/** More requests than this of one client are not read before some of them are answered. */
const REQUESTS_IN_FLIGHT_MAX = 256;

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #reader: LineReader = new LineReader(LINE_BYTES_MAX);
  readonly #aborter: AbortController = new AbortController();
  /** Complete lines that wait for a place in flight. */
  readonly #waiting: string[] = [];
  readonly #whenIdle: (() => void)[] = [];
  #inFlight = 0;
  #isBeginning = false;
  #isEnding = false;
  #unreadTimer: NodeJS.Timeout | undefined;
  #finishTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (data) => this.#receive(data));
    socket.on('end', () => this.#peerEnded());
    socket.on('drain', () => this.#drained());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#aborter.abort();
      clearTimeout(this.#unreadTimer);
      clearTimeout(this.#finishTimer);
      this.#waiting.length = 0;
      this.#settle();
    });
  }

  /** Takes no more requests, gives up waits, answers what it has begun, closes. Resolves when that is done. */
  finish(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once('close', () => resolve());
      // the server does not wait long for one that does not read
      this.#finishTimer = setTimeout(() => this.#socket.destroy(), Math.min(FINISH_MS, this.#options.unreadMs));
      this.#waiting.length = 0;
      this.#stopReading();
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(data: Buffer): void {
    if (this.#isEnding) return;
    try {
      for (const line of this.#reader.push(data)) this.#waiting.push(line);
    } catch (error) {
      this.#begin();
      this.#reply(null, { error: { errno: 'E2BIG', message: (error as LineTooLongError).message } });
      this.#stopReading();
      return;
    }
    this.#begin();
  }

  #peerEnded(): void {
    const rest = this.#reader.rest();
    if (rest !== '' && !this.#isEnding) this.#waiting.push(rest);
    this.#begin();
    this.#stopReading();
  }

  /** The way out for a client that ended, one that was refused, and a server that closes. */
  #stopReading(): void {
    this.#isEnding = true;
    this.#aborter.abort();
    this.#whenIdle.push(() => {
      this.#socket.end();
      // the peer need not close its side for ours to be done
      if (!this.#socket.destroyed) this.#socket.destroySoon();
    });
    this.#settle();
  }

  #begin(): void {
    // an answer that needs no time comes back here while the loop runs
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    while (this.#waiting.length > 0 && this.#inFlight < REQUESTS_IN_FLIGHT_MAX && !this.#socket.writableNeedDrain) {
      void this.#answer(this.#waiting.shift() as string);
    }
    this.#isBeginning = false;
    if (this.#waiting.length > 0) this.#socket.pause();
    else if (!this.#socket.writableNeedDrain) this.#socket.resume();
  }

  #settle(): void {
    if (this.#inFlight > 0 || (this.#waiting.length > 0 && !this.#socket.destroyed)) return;
    for (const done of this.#whenIdle.splice(0)) done();
  }

  async #answer(line: string): Promise<void> {
    if (line.trim() === '') return;
    this.#inFlight++;
    let id: number | string | null = null;
    try {
      const request = parseRequest(line);
      id = request.id;
      const operation = this.#options.operations.get(request.op);
      if (!operation) throw new ControlError('ENOTTY', `unknown request "${request.op.slice(0, 60)}"`);
      // one that needs no time is answered before the next one begins
      const outcome = operation(request.fields, this.#aborter.signal);
      const result = outcome instanceof Promise ? await outcome : outcome;
      this.#reply(id, { result: result ?? {} });
    } catch (error) {
      if (error instanceof RequestError) id = error.id;
      this.#reply(id, { error: this.#describe(error) });
    } finally {
      this.#inFlight--;
      if (this.#waiting.length > 0) this.#begin();
      this.#settle();
    }
  }

  #reply(id: number | string | null, outcome: { result?: unknown; error?: ReplyError }): void {
    if (this.#socket.destroyed || !this.#socket.writable) return;
    const reply: Reply = { v: PROTOCOL_VERSION, id, ok: outcome.error === undefined, ...outcome };
    const isTaken = this.#socket.write(`${JSON.stringify(reply)}\n`);
    if (isTaken) return;
    if (this.#socket.writableLength > this.#options.unreadBytesMax) {
      this.#socket.destroy();
      return;
    }
    this.#socket.pause();
    this.#unreadTimer ??= setTimeout(() => this.#socket.destroy(), this.#options.unreadMs);
  }

  #drained(): void {
    clearTimeout(this.#unreadTimer);
    this.#unreadTimer = undefined;
    this.#begin();
    this.#settle();
  }

  #describe(error: unknown): ReplyError {
    if (!(error instanceof Error)) return { errno: 'EIO', message: String(error) };
    const { code } = error as NodeJS.ErrnoException;
    const errno = errnoOf(error);
    if (errno === undefined) this.#options.log(`control: ${error.stack ?? error.message}`);
    const described = { errno: errno ?? 'EIO', message: error.message };
    return typeof code === 'string' ? { ...described, code } : described;
  }
}

class RequestError extends ControlError {
  readonly id: number | string | null;
  constructor(id: number | string | null, errno: string, message: string) {
    super(errno, message);
    this.id = id;
  }
}

function parseRequest(line: string): { id: number | string | null; op: string; fields: Fields } {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch (error) {
    throw new RequestError(null, 'EINVAL', `not JSON: ${(error as Error).message}`);
  }
  if (!isObject(request)) throw new RequestError(null, 'EINVAL', 'expected an object with v, id and op');
  const id = typeof request['id'] === 'number' || typeof request['id'] === 'string' ? request['id'] : null;
  if (id === null || String(id).length > 64) throw new RequestError(null, 'EINVAL', 'id: expected a number or a short string');
  if (request['v'] !== PROTOCOL_VERSION) {
    throw new RequestError(id, 'EPROTO', `v: this server speaks version ${PROTOCOL_VERSION}`);
  }
  if (typeof request['op'] !== 'string') throw new RequestError(id, 'EINVAL', 'op: expected a string');
  return { id, op: request['op'], fields: new Fields(request) };
}

/** What the library's errors without a name of the kernel's mean to a client; others of its are mistakes of the request. */
const OWN_ERRORS: ReadonlyMap<string, string> = new Map([
  ['ERR_RQDM_LIMIT', 'ENOMEM'],
  ['ERR_RQDM_CLOSED', 'ENXIO'],
  ['ERR_RQDM_CORE', 'EIO'],
]);

/** The name of an error's number; undefined for an error that nobody foresaw. */
function errnoOf(error: Error): string | undefined {
  const { errno, code } = error as Error & { errno?: unknown; code?: unknown };
  if (typeof errno === 'string') return errno;
  if (error.name === 'AbortError') return 'EINTR';
  if (typeof code !== 'string') return undefined;
  if (code.startsWith('ERR_RQDM_')) return OWN_ERRORS.get(code) ?? 'EINVAL';
  return /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
