// Where the control socket lies, for both sides.

import { mkdirSync, statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { ControlError } from './protocol.ts';

const FOLDER_MODE = 0o700;

/**
 * The control socket: `asked` if given, else RQDM_CONTROL, else `rqdm/control.sock` in XDG_RUNTIME_DIR, else in a folder of
 * this user's under the system's temporary folder.
 */
export function controlSocketPath(asked: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  if (asked) return asked;
  if (env['RQDM_CONTROL']) return env['RQDM_CONTROL'];
  if (env['XDG_RUNTIME_DIR']) return join(env['XDG_RUNTIME_DIR'], 'rqdm', 'control.sock');
  return join(temporaryFolder(), 'control.sock');
}

function temporaryFolder(): string {
  return join(tmpdir(), `rqdm-${userInfo().uid}`);
}

/**
 * Makes the folder of a socket, for this user alone. One in the temporary folder that belongs to somebody else, or that
 * others may enter, is refused: whoever owns it could put a socket of his own in the place of ours.
 */
export function prepareSocketFolder(socketPath: string): void {
  const folder = dirname(socketPath);
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  if (folder !== temporaryFolder()) return;
  const { uid, mode } = statSync(folder);
  if (uid !== userInfo().uid || (mode & 0o077) !== 0) {
    throw new ControlError('EACCES', `${folder}: expected a folder of this user with mode 0700`);
  }
}
