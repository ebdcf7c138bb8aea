// What stands behind `flaky=`: the grammar is in flaky.ts.

import { STATUS_IOERR, STATUS_OFFLINE, STATUS_TIMEOUT, STATUS_TRANSPORT } from '../../../assembly/abi.ts';
import { STATUS_NAMES, statusOfName } from '../errno.ts';
import { parseSeed } from './random.ts';

export interface FlakyRule {
  readonly seed: number;
  /** Above 0, at most 1. */
  readonly rate: number;
  /** `STATUS_*`, of which one is drawn. */
  readonly statuses: readonly number[];
}

const RETRYABLE: readonly number[] = [STATUS_TRANSPORT, STATUS_TIMEOUT, STATUS_OFFLINE, STATUS_IOERR];
const RATE = /^(\d+(?:\.\d+)?)([%‰])$/;

export const FLAKY_EXPECTED: string = `SEED:RATE[:STATUS[,STATUS]] such as 7:1% or 7:0.1%:transport, with STATUS one of ${STATUS_NAMES.join(', ')}`;

/** undefined when the text is no rule. */
export function parseFlakyRule(text: string): FlakyRule | undefined {
  const [seedText, rateText, statusText, ...rest] = text.split(':');
  const seed = parseSeed(seedText ?? '');
  const match = RATE.exec(rateText ?? '');
  if (seed === undefined || match === null || rest.length > 0) return undefined;
  const rate = Number(match[1]) / (match[2] === '%' ? 100 : 1000);
  if (!(rate > 0 && rate <= 1)) return undefined;
  if (statusText === undefined) return { seed, rate, statuses: RETRYABLE };
  const statuses: number[] = [];
  for (const name of statusText.split(',')) {
    const status = statusOfName(name);
    if (status === undefined) return undefined;
    statuses.push(status);
  }
  return { seed, rate, statuses };
}
