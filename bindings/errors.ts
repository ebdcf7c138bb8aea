// Every error a user can meet. `code` is stable; messages name the word, its place and what was expected.

export interface RqdmErrorOptions extends ErrorOptions {
  /** The kernel's name for what went wrong (`EBUSY`, `ENXIO`, …), where it has one. */
  readonly errno?: string;
}

/** A mistake in what the caller asked for. `code` starts with `ERR_RQDM_`. */
export class RqdmError extends Error {
  override readonly name: string = 'RqdmError';
  readonly code: string;
  /** The name of the errno that the kernel's device-mapper answers with; undefined where it knows no such error. */
  readonly errno: string | undefined;
  constructor(code: string, message: string, options?: RqdmErrorOptions) {
    super(message, options);
    this.code = code;
    this.errno = options?.errno;
  }
}

/** Where in a table a word stands. Lines count from 1, words from 0 (the target's name is word 2). */
export interface TablePlace {
  readonly line: number;
  readonly word: number;
}

/**
 * A table that cannot be used. `kernelText` is the text that the kernel logs for the same mistake, `errno` its number's
 * name (`EINVAL`, `ENODEV`, …).
 */
export class RqdmTableError extends RqdmError {
  override readonly name: string = 'RqdmTableError';
  readonly kernelText: string;
  declare readonly errno: string;
  place: TablePlace | undefined;
  constructor(kernelText: string, options: { errno?: string; detail?: string; place?: TablePlace; cause?: unknown } = {}) {
    const where = options.place ? ` (line ${options.place.line}, word ${options.place.word})` : '';
    super('ERR_RQDM_TABLE', `${kernelText}${options.detail ? `: ${options.detail}` : ''}${where}`, {
      cause: options.cause,
      errno: options.errno ?? 'EINVAL',
    });
    this.kernelText = kernelText;
    this.place = options.place;
  }
}

/** What was asked, by the name of the method. */
export type IoOperation = 'read' | 'write' | 'flush' | 'discard' | 'writeZeroes';

/** What is known of an I/O that failed. Bytes throughout. */
export interface IoErrorDetails {
  readonly operation: IoOperation;
  readonly position: number;
  readonly length: number;
  readonly device: string;
  /** The word of the path that failed last, if the I/O reached one. */
  readonly path?: string | undefined;
  /** How many times a path was tried. */
  readonly attempts: number;
}

/** An I/O that failed. `code` is the POSIX name (`EIO`, `ENOSPC`, …); `cause` is the first error when retries met others. */
export class RqdmIoError extends RqdmError implements IoErrorDetails {
  override readonly name: string = 'RqdmIoError';
  readonly operation: IoOperation;
  readonly position: number;
  readonly length: number;
  readonly device: string;
  readonly path: string | undefined;
  readonly attempts: number;
  readonly syscall: string;
  constructor(code: string, reason: string, details: IoErrorDetails, cause?: unknown) {
    const at = details.operation === 'flush' ? '' : ` of ${details.length} bytes at position ${details.position}`;
    const path = details.path === undefined ? '' : `, last path ${details.path}`;
    super(
      code,
      `${code}: ${details.operation}${at} on ${details.device} failed: ${reason} (${details.attempts} attempt${details.attempts === 1 ? '' : 's'}${path})`,
      cause === undefined ? undefined : { cause },
    );
    this.operation = details.operation;
    this.position = details.position;
    this.length = details.length;
    this.device = details.device;
    this.path = details.path;
    this.attempts = details.attempts;
    this.syscall = details.operation;
  }
}
