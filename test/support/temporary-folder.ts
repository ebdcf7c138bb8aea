// A folder in the system's place for temporary files, gone with all it holds at the end of the test.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class TemporaryFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'rqdm-test-'));

  /** Makes a file of so many bytes: zeros, or what is given. Returns its full name. */
  file(name: string, content: number | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, typeof content === 'number' ? new Uint8Array(content) : content);
    return path;
  }

  read(name: string): Buffer {
    return readFileSync(join(this.path, name));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
