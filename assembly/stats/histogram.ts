import { HISTOGRAM_BUCKETS } from '../abi';
import { Device, histogramsOf } from '../record/device';

// Buckets of nanoseconds in quarter powers of two: values below 4 have buckets of their own, then
// four for each power. Width is at most 25 % of the value.

export function observe(device: Device, histogram: u32, nanoseconds: f64): void {
  const value = <u64>max(nanoseconds, 0);
  let bucket: u32;
  if (value < 4) {
    bucket = <u32>value;
  } else {
    const power = 63 - <u32>clz<u64>(value);
    bucket = (power - 1) * 4 + (<u32>(value >> (power - 2)) & 3);
    bucket = min<u32>(bucket, HISTOGRAM_BUCKETS - 1);
  }
  const at = histogramsOf(device) + <usize>(histogram * HISTOGRAM_BUCKETS + bucket) * 4;
  store<u32>(at, load<u32>(at) + 1);
}
