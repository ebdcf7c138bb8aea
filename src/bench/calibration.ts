// How fast this machine is today, by two loops that never change: figures of different machines, or of one at different
// hours, are compared by them.

import type { Result } from './bench.ts';
import { median } from './median.ts';

const STEPS = 20_000_000;
const COPY_BYTES = 64 * 1024;
const COPIES = 4000;
const TURNS = 5;

/** Millions of xorshift steps a second, and gigabytes a second copied in the second-level cache. */
export function calibrate(): Result[] {
  const steps: number[] = [];
  const copies: number[] = [];
  for (let i = 0; i <= TURNS; i++) {
    const stepRate = measureSteps();
    const copyRate = measureCopies();
    // the first turn is for the compiler
    if (i === 0) continue;
    steps.push(stepRate);
    copies.push(copyRate);
  }
  return [
    { name: 'calibration.xorshift', value: median(steps), unit: 'Msteps/s' },
    { name: 'calibration.memcpy', value: median(copies), unit: 'GB/s' },
  ];
}

function measureSteps(): number {
  const start = performance.now();
  let x = 2463534242;
  for (let i = 0; i < STEPS; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
  }
  // 0 is never reached, which only we know: the loop has to run
  return x === 0 ? 0 : STEPS / (performance.now() - start) / 1000;
}

const SOURCE = new Uint8Array(COPY_BYTES).fill(1);
const TARGET = new Uint8Array(COPY_BYTES);

function measureCopies(): number {
  const start = performance.now();
  for (let i = 0; i < COPIES; i++) TARGET.set(SOURCE);
  return (COPIES * COPY_BYTES) / (performance.now() - start) / 1e6;
}
