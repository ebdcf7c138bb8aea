// Cuts a stream of bytes into lines and keeps no more than one line of it.

export class LineTooLongError extends Error {
  override readonly name: string = 'LineTooLongError';
}

export class LineReader {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #pendingBytes = 0;

  /** `bytesMax` is the longest line, its end included. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that `data` completes, without their ends. Throws LineTooLongError; the reader is of no use after that. */
  *push(data: Buffer): Generator<string> {
    let from = 0;
    for (;;) {
      const end = data.indexOf(10, from);
      const pieceBytes = (end < 0 ? data.length : end + 1) - from;
      if (this.#pendingBytes + pieceBytes > this.#bytesMax) {
        throw new LineTooLongError(`a line is longer than ${this.#bytesMax} bytes`);
      }
      if (end < 0) break;
      const piece = data.subarray(from, end);
      from = end + 1;
      if (this.#pendingBytes === 0) {
        yield piece.toString('utf8');
        continue;
      }
      const line = Buffer.concat([...this.#pieces, piece]).toString('utf8');
      this.#pieces = [];
      this.#pendingBytes = 0;
      yield line;
    }
    if (from < data.length) {
      this.#pieces.push(data.subarray(from));
      this.#pendingBytes += data.length - from;
    }
  }

  /** What stands after the last line end; the stream has ended. */
  rest(): string {
    return Buffer.concat(this.#pieces).toString('utf8');
  }
}
