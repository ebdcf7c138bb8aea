// Runs recorded cases, several at once, and judges each.

import { runCase } from './case-run.ts';
import type { RecordedCase } from './recorded-cases.ts';
import { outOfScope } from './scope.ts';
import { judge, type Verdict } from './verdict.ts';

export interface CaseResult {
  readonly name: string;
  /** Why it is out of scope. */
  readonly reason: string | undefined;
  /** Undefined: it is out of scope, or the runner itself failed (then `printed` says how). */
  readonly verdict: Verdict | undefined;
  readonly printed: string;
  readonly seconds: number;
  /** It failed beside others, and this is what a second run by itself gave. */
  readonly isSecond: boolean;
}

export interface JudgeSettings {
  readonly repository: string;
  readonly jobs: number;
}

const TIMEOUT_MS = 150_000;

/**
 * In the order of the cases; `tell` hears of each as it ends. The scripts have delays of some 10 ms that others on the
 * machine can spoil, so one that fails is run once more when all others have ended, by itself; that counts.
 */
export async function judgeCases(
  cases: readonly RecordedCase[],
  { repository, jobs }: JudgeSettings,
  tell: (result: CaseResult) => void = () => {},
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < cases.length) {
      const at = next++;
      const result = await judgeCase(cases[at] as RecordedCase, repository);
      results[at] = result;
      if (isSettled(result)) tell(result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  for (const [at, result] of results.entries()) {
    if (isSettled(result)) continue;
    const second = { ...(await judgeCase(cases[at] as RecordedCase, repository)), isSecond: true };
    results[at] = second;
    tell(second);
  }
  return results;
}

function isSettled({ reason, verdict }: CaseResult): boolean {
  return reason !== undefined || verdict?.isGood === true;
}

async function judgeCase({ name, script, transcript }: RecordedCase, repository: string): Promise<CaseResult> {
  const reason = outOfScope(script);
  if (reason !== undefined) return { name, reason, verdict: undefined, printed: '', seconds: 0, isSecond: false };
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  try {
    const { printed, isTimedOut } = await runCase(script, { repository, timeoutMs: TIMEOUT_MS });
    const text = isTimedOut ? `${printed}(ended after ${TIMEOUT_MS / 1000} s)\n` : printed;
    return { name, reason, verdict: judge(name, transcript, text), printed, seconds: seconds(), isSecond: false };
  } catch (error) {
    return { name, reason, verdict: undefined, printed: String((error as Error).stack), seconds: seconds(), isSecond: false };
  }
}
