// Every recorded case of a real kernel that is in scope, against rqdm.

import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryFolder, sharedFolder, skipAloud, toolOrSkip } from '../support/skip.ts';
import { type CaseResult, judgeCases } from './judge-cases.ts';
import { casesOf } from './recorded-cases.ts';
import { outOfScope } from './scope.ts';

export const timeoutMs = 400_000;

/** Of the public cases so many may be out of scope. */
const OUTSIDE_MAX = 6;

const test = suite('conformance: every recorded case of a real kernel');
const shared = sharedFolder();
const folder = shared === undefined ? undefined : join(shared, 'golden/cases');

if (folder === undefined || !existsSync(folder)) {
  skipAloud('the recorded cases are not on this machine');
} else if (toolOrSkip('bash') !== undefined) {
  const cases = casesOf(folder);
  const inside = cases.filter(({ script }) => outOfScope(script) === undefined);
  const results = new Map<string, Promise<CaseResult>>();

  test('few are out of scope', () => {
    assert.ok(cases.length > 0);
    assert.ok(cases.length - inside.length <= OUTSIDE_MAX, `${cases.length - inside.length} cases are out of scope`);
  });

  test.before(() => {
    const settle = new Map<string, (result: CaseResult) => void>();
    const fail: ((error: unknown) => void)[] = [];
    for (const { name } of inside) {
      const result = new Promise<CaseResult>((resolve, reject) => {
        settle.set(name, resolve);
        fail.push(reject);
      });
      result.catch(() => {});
      results.set(name, result);
    }
    const settings = { repository: repositoryFolder(), jobs: 2 * cpus().length };
    judgeCases(inside, settings, (result) => settle.get(result.name)?.(result)).catch((error: unknown) => {
      for (const reject of fail) reject(error);
    });
  });

  for (const { name } of inside) {
    test(name, async () => {
      const { verdict, printed } = (await results.get(name)) as CaseResult;
      assert.ok(verdict?.isGood, `${verdict?.difference.join('\n') ?? printed}`);
    });
  }
}

test.run();
