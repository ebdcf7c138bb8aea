// Recorded cases of a folder: `NAME/script.sh` beside `NAME/transcript.txt`.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RecordedCase {
  readonly name: string;
  readonly script: string;
  readonly transcript: string;
}

/** In the order of their names. Other entries of the folder are left alone. */
export function casesOf(folder: string): RecordedCase[] {
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, folder: join(folder, name) }))
    .filter(({ folder: one }) => existsSync(join(one, 'script.sh')) && existsSync(join(one, 'transcript.txt')))
    .map(({ name, folder: one }) => ({
      name,
      script: readFileSync(join(one, 'script.sh'), 'utf8'),
      transcript: readFileSync(join(one, 'transcript.txt'), 'utf8'),
    }));
}
