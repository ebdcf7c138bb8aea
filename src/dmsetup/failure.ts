// How a command fails: what it says on standard error, and what the program says after it.

import { errnoText } from '../control/errno-text.ts';
import type { DeviceKey } from '../control/protocol.ts';

/** A command that failed. Its lines are said, then `Command failed.` */
export class KernelToolError extends Error {
  override readonly name: string = 'KernelToolError';
  readonly lines: readonly string[];
  constructor(...lines: string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** A switch that cannot be obeyed: said before anything is done, then `Couldn't process command line.` */
export class CommandLineError extends KernelToolError {
  override readonly name: string = 'CommandLineError';
}

/** A mistake in how a report was asked for. Its lines are said, and nothing after them. */
export class ReportError extends KernelToolError {
  override readonly name: string = 'ReportError';
}

/** A call to the kernel, here to the server, that failed with `errno`. */
export class IoctlError extends KernelToolError {
  override readonly name: string = 'IoctlError';
  readonly errno: string;
  constructor(what: string, device: IoctlSubject, errno: string) {
    const numbers = device.number === undefined ? '' : `(${device.number})`;
    const on = `${device.name ?? ''} ${device.uuid ?? ''}${numbers}`;
    // an interrupted call is nobody's mistake
    super(...(errno === 'EINTR' ? [] : [`device-mapper: ${what} ioctl on ${on} failed: ${errnoText(errno)}`]));
    this.errno = errno;
  }
}

/** What a request said of its device: unlike a key it may have a name and numbers. */
export type IoctlSubject = DeviceKey;
