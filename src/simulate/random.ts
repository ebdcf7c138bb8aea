// Chance that comes again with the same seed, on every machine.
export { SeededRandom } from '../../bindings/path/fault/random.ts';

/** A seed of its own for each part of a run: text and seed, mixed (FNV-1a). */
export function seedOf(seed: number, what: string): number {
  let mixed = 0x811c9dc5 ^ seed;
  for (let i = 0; i < what.length; i++) mixed = Math.imul(mixed ^ what.charCodeAt(i), 0x01000193);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 12)) >>> 0;
}
