// Medians of interleaved repetitions. A machine has moods: so all cases are measured in turn, again and again, a ratio
// is taken within one turn, and the middle one of all turns counts.

import type { BenchContext } from './bench.ts';

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Figures by name, one for each turn. */
export class Repetitions {
  readonly #values: Map<string, number[]> = new Map();

  /** Calls `turn` for each repetition; it returns the figures of one. */
  static async run(
    context: BenchContext,
    name: string,
    turns: number,
    turn: () => Promise<Record<string, number>>,
  ): Promise<Repetitions> {
    const repetitions = new Repetitions();
    for (let i = 0; i < turns; i++) {
      context.signal.throwIfAborted();
      context.say(`${name}: ${i + 1} of ${turns}`);
      for (const [figure, value] of Object.entries(await turn())) repetitions.#add(figure, value);
    }
    return repetitions;
  }

  #add(name: string, value: number): void {
    const values = this.#values.get(name);
    if (values) values.push(value);
    else this.#values.set(name, [value]);
  }

  median(name: string): number {
    return median(this.#values.get(name) ?? []);
  }

  /** The median of a figure that `of` makes of each turn's. */
  medianOf(of: (value: (name: string) => number) => number): number {
    const turns = Math.max(...[...this.#values.values()].map((values) => values.length));
    const figures: number[] = [];
    for (let i = 0; i < turns; i++) figures.push(of((name) => (this.#values.get(name) as number[])[i] as number));
    return median(figures);
  }

  /** The median of `name` over `base`, each within its turn. */
  ratio(name: string, base: string): number {
    return this.medianOf((value) => value(name) / value(base));
  }
}
