// Where the I/Os of a bench go.

/** Numbers from 0 to 1, the same ones for the same seed. */
export function createRandom(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

/**
 * `count` places of blocks of `blockBytes`, in bytes: each continues the last one with probability `sequential`, or goes
 * anywhere.
 */
export function choosePlaces(
  count: number,
  sequential: number,
  sizeBytes: number,
  blockBytes: number,
  random: () => number,
): Float64Array {
  const places = new Float64Array(count);
  const blocks = Math.floor(sizeBytes / blockBytes);
  let block = -1;
  for (let i = 0; i < count; i++) {
    const goesOn = block >= 0 && block + 1 < blocks && random() < sequential;
    block = goesOn ? block + 1 : Math.floor(random() * blocks);
    places[i] = block * blockBytes;
  }
  return places;
}
