// Every table line of the recorded flakey session: accepted or refused as Linux 6.1 did, and printed as it did.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RqdmTableError } from '../../bindings/errors.ts';
import { flakeyTarget } from '../../bindings/target/flakey/flakey.ts';
import { sharedFolder, skipAloud } from '../support/skip.ts';
import { FakeContext, FakeLine, fakeDevice } from '../support/target-context.ts';

const test = suite('target/flakey golden');

const ram0 = fakeDevice('1:0', { word: '/dev/ram0' });
const CREATE = /^\$ dmsetup create f --table '([^']*)'/;
const REFUSED = /^kmsg: device-mapper: table: 253:0: flakey: (.*) \(-EINVAL\)$/;
const PRINTED = /^0 256 flakey /;

/** Lines with what the kernel said: its text for a refusal, and what table and status printed. */
function recorded(folder: string): { line: string; refusal: string | undefined; printed: string[] }[] {
  const answers: { line: string; refusal: string | undefined; printed: string[] }[] = [];
  for (const text of readFileSync(join(folder, 'golden/cases/flakey-target/transcript.txt'), 'utf8').split('\n')) {
    const line = CREATE.exec(text)?.[1];
    if (line !== undefined) answers.push({ line, refusal: undefined, printed: [] });
    const last = answers.at(-1);
    if (last === undefined) continue;
    last.refusal ??= REFUSED.exec(text)?.[1];
    if (PRINTED.test(text)) last.printed.push(text);
  }
  return answers;
}

const shared = sharedFolder();
if (shared === undefined) skipAloud('the recorded answers of a kernel are not here');
else {
  test('each recorded line is taken or refused with the same text', () => {
    const answers = recorded(shared);
    assert.ok(answers.length > 20, `only ${answers.length} lines found`);
    for (const { line, refusal, printed } of answers) {
      let said: string | undefined;
      try {
        const made = new FakeLine(flakeyTarget, line, new FakeContext([ram0]));
        if (printed.length > 0) assert.equal([made.table, made.status], printed, line);
      } catch (error) {
        if (!(error instanceof RqdmTableError)) throw error;
        said = error.kernelText;
        assert.is(error.errno, 'EINVAL');
      }
      assert.is(said, refusal, line);
    }
  });
}

test.run();
