// Which of so many blocks: evenly, or some far more often than others. Hot blocks are spread over the region, as fio
// spreads them.

import { exponential, logarithm, power } from '../../../bindings/path/model/same-math.ts';
import type { SeededRandom } from '../random.ts';

/** A block from 0 to below `blocks`. */
export type Distribution = (random: SeededRandom) => number;

/** `random`, `zipf:THETA` or `pareto:H`. */
export function distributionOf(text: string, blocks: number): Distribution {
  const [kind, parameter] = text.split(':');
  if (kind === 'zipf') return spread(zipf(Number(parameter), blocks), blocks);
  if (kind === 'pareto') return spread(pareto(Number(parameter), blocks), blocks);
  return (random) => Math.min(blocks - 1, Math.floor(random.unit() * blocks));
}

/** A share h of all I/Os goes to a share 1 - h of the blocks, and so on inside these. */
function pareto(h: number, blocks: number): Distribution {
  const exponent = logarithm(h) / logarithm(1 - h);
  return (random) => Math.min(blocks - 1, Math.floor(blocks * power(random.unit(), exponent)));
}

/** Rejection-inversion after Hörmann and Derflinger: rank k + 1 as often as (k + 1)^-theta says. No tables. */
function zipf(theta: number, blocks: number): Distribution {
  const isOne = Math.abs(theta - 1) < 1e-9;
  const integral = (x: number): number => (isOne ? logarithm(x) : (power(x, 1 - theta) - 1) / (1 - theta));
  const inverse = (y: number): number => (isOne ? exponential(y) : power(1 + y * (1 - theta), 1 / (1 - theta)));
  const low = integral(1.5) - 1;
  const high = integral(blocks + 0.5);
  const accepted = 2 - inverse(integral(2.5) - power(2, -theta));
  return (random) => {
    for (;;) {
      const y = low + random.unit() * (high - low);
      const x = inverse(y);
      const rank = Math.min(blocks, Math.max(1, Math.round(x)));
      if (rank - x <= accepted || y >= integral(rank + 0.5) - power(rank, -theta)) return rank - 1;
    }
  };
}

function spread(of: Distribution, blocks: number): Distribution {
  // prime, so that nearly every count of blocks is hit everywhere; and small, so that the product is exact
  const step = 1_000_003 % blocks || 1;
  return (random) => (of(random) * step) % blocks;
}
