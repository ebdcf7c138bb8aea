// `test/conformance/run [options] FOLDER…`: recorded cases of a real kernel (`NAME/script.sh` beside `NAME/transcript.txt`),
// run against rqdm.
//
//   --only WORD   cases whose names contain it; may be given several times
//   --jobs N      how many at once (4)
//   --show        what each case printed
//
// A difference is shown for each failure, then what is out of scope and why; the last line is `N passed, N failed`. Exit
// status: 0 good, 1 something failed, 2 wrong usage.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryFolder } from '../support/skip.ts';
import { type CaseResult, judgeCases } from './judge-cases.ts';
import { casesOf } from './recorded-cases.ts';

function report({ name, verdict, reason, seconds, printed, isSecond }: CaseResult, isShown: boolean): string {
  const time = `${seconds.toFixed(1)} s${isSecond ? ', second run, by itself' : ''}`;
  if (reason !== undefined) return `out of scope  ${name}: ${reason}`;
  if (verdict === undefined) return `failed  ${name} (${time})\n    ${printed.trim().replaceAll('\n', '\n    ')}`;
  const share = verdict.equal === verdict.lines ? '' : `, ${verdict.equal} of ${verdict.lines} lines`;
  const head = `${verdict.isGood ? 'passed' : 'failed'}  ${name} (${time}${share})`;
  const difference = verdict.isGood && !isShown ? [] : verdict.difference.map((line) => `    ${line}`);
  return [head, ...difference, ...(isShown ? [printed] : [])].join('\n');
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      jobs: { type: 'string', default: '4' },
      show: { type: 'boolean', default: false },
    },
  });
  if (positionals.length === 0) throw new Error('expected a folder of recorded cases: test/conformance/run FOLDER…');
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs ${values.jobs}: expected a whole number from 1 on`);
  const cases = positionals.flatMap((folder) => casesOf(resolve(folder)));
  const chosen = cases.filter(({ name }) => values.only.length === 0 || values.only.some((word) => name.includes(word)));
  if (chosen.length === 0) throw new Error(`no recorded cases in ${positionals.join(', ')}`);
  const results = await judgeCases(chosen, { repository: repositoryFolder(), jobs }, (result) => {
    if (result.reason === undefined) console.log(report(result, values.show));
  });
  const outside = results.filter(({ reason }) => reason !== undefined);
  console.log(`${outside.length} of ${results.length} out of scope${outside.length > 0 ? ':' : ''}`);
  for (const { name, reason } of outside) console.log(`  ${name}: ${reason}`);
  const failed = results.filter(({ reason, verdict }) => reason === undefined && verdict?.isGood !== true).length;
  console.log(`${results.length - outside.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`test/conformance/run: ${(error as Error).message}`);
  process.exitCode = 2;
}
