// How far a model is from the truth: the root mean square of the horizontal distance between two distributions of times,
// as DiskSim has published it for its disks. The sorted lists are laid side by side.

/** In the unit of the times. Both lists have the same length, and are sorted by this. */
export function demerit(measured: Float64Array, simulated: Float64Array): number {
  measured.sort();
  simulated.sort();
  let sum = 0;
  for (let i = 0; i < measured.length; i++) {
    const apart = (measured[i] as number) - (simulated[i] as number);
    sum += apart * apart;
  }
  return Math.sqrt(sum / measured.length);
}

export function meanOf(times: Float64Array): number {
  return times.reduce((sum, time) => sum + time, 0) / times.length;
}
