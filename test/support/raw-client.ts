// A client of the control socket that says what it likes, and need not listen.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Reply } from '../../src/control/protocol.ts';

export class RawClient {
  readonly socket: Socket;
  #text = '';
  #taken = 0;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on('data', (data) => {
      this.#text += data.toString();
    });
    this.socket.on('error', () => {});
  }

  get replies(): Reply[] {
    return this.#text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Reply);
  }

  /** The next reply that has not been asked for yet. */
  async next(): Promise<Reply> {
    while (this.#text.split('\n').length - 1 <= this.#taken) await once(this.socket, 'data');
    this.#taken += 1;
    return JSON.parse(this.#text.split('\n')[this.#taken - 1] as string) as Reply;
  }

  say(line: string): void {
    this.socket.write(`${line}\n`);
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}
