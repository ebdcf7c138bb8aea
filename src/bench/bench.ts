// What a bench is: something that measures and gives names with values. Their names are a promise: scripts read them.

export interface Result {
  /** `bench.case.figure`. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the figure shall reach on a machine with two cores; for people. */
  readonly reach?: { readonly atLeast: number } | { readonly atMost: number };
}

export interface BenchContext {
  /** Just enough to see that everything works: the figures say little. */
  readonly isQuick: boolean;
  /** Where temporary files go. */
  readonly directory: string;
  /** Aborted by Ctrl-C: looked at between two measurements. */
  readonly signal: AbortSignal;
  /** What is being done, for whoever waits. */
  say(text: string): void;
}

export type Bench = (context: BenchContext) => Promise<Result[]>;
