// What `*` as a line's length means where a target names several devices, each with an offset of its own.

/** Sectors of a device word; undefined for a word that names none. */
export type SizeOf = (word: string) => number | undefined;

/** The least that any device has behind its offset, sectors; a device stands at `first`, and at every `step` words from there. */
export function leastBehindOffsets(words: readonly string[], first: number, step: number, sizeOf: SizeOf): number {
  let least = Infinity;
  for (let i = first; i + 1 < words.length; i += step) {
    least = Math.min(least, (sizeOf(words[i] as string) ?? 0) - Number(words[i + 1]));
  }
  return least;
}
