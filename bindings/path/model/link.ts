// The way from a host's port to an array's port: t = latency + size / bandwidth + queueing + jitter, in each direction.
//
// The port takes so many calls at a time. One too many is answered with "busy" and sent again by the host's adapter, as a
// SCSI midlayer does it: when a call of the port has ended, and after a pause. To the queue above it is only slow.

import { OPERATION_READ, OPERATION_WRITE } from '../../../assembly/abi.ts';
import type { SeededRandom } from '../fault/random.ts';
import { byteNsOf, NS_PER_US } from './model.ts';
import { exponential, logarithm } from './same-math.ts';

export interface LinkDescription {
  /** One way. */
  readonly latencyUs: number;
  /** In each direction; 0: a byte takes no time. */
  readonly MBps: number;
  /** Standard deviation of the latency over its mean, log-normal. 0: none. */
  readonly jitter: number;
  /** Calls that the port takes at a time, 1 … 65536. */
  readonly queueDepth: number;
  /** How long the adapter waits after "busy". */
  readonly busyUs: number;
}

const DEPTH_MAX = 65536;

export class Link {
  /** One way, without jitter. */
  readonly latencyNs: number;
  /** Calls that were answered with "busy". */
  busy = 0;
  /** Calls that are out and whose way back is not booked yet: they take places of the port. */
  open = 0;
  readonly #link: LinkDescription;
  readonly #random: SeededRandom;
  readonly #byteNs: number;
  /** What the latency is multiplied by, at evenly spaced quantiles; none without jitter. */
  readonly #factors: Float64Array | undefined;
  #outNs = 0;
  #backNs = 0;
  /** Ends of the last calls, as many as the port takes. */
  #ends: Float64Array;
  #calls = 0;

  constructor(link: LinkDescription, random: SeededRandom) {
    this.#link = link;
    this.#random = random;
    this.#byteNs = link.MBps === 0 ? 0 : byteNsOf(link.MBps);
    this.latencyNs = link.latencyUs * NS_PER_US;
    this.#factors = link.jitter === 0 ? undefined : logNormalFactors(link.jitter);
    this.#ends = new Float64Array(link.queueDepth);
  }

  /** Missing: as described. What is under way counts no more, if its way back is booked. */
  setDepth(depth: number = this.#link.queueDepth): void {
    this.#ends = new Float64Array(Math.min(DEPTH_MAX, Math.max(1, depth)));
    this.#calls = 0;
  }

  /** When a call that the host sends now has come to the array's port. */
  out(nowNs: number, operation: number, bytes: number): number {
    let atNs = nowNs;
    const roomNs = this.#ends[(this.#calls + this.open) % this.#ends.length] as number;
    if (roomNs > atNs) {
      this.busy++;
      atNs = roomNs + this.#link.busyUs * NS_PER_US;
    }
    if (operation === OPERATION_WRITE) {
      this.#outNs = Math.max(this.#outNs, atNs) + bytes * this.#byteNs;
      atNs = this.#outNs;
    }
    return atNs + this.#wayNs();
  }

  /** So many are out that only an end that nobody knows yet makes room. */
  get isFull(): boolean {
    return this.open >= this.#ends.length;
  }

  /** When the answer to a call of `nowNs` that leaves the port at `leftNs` is with the host. */
  back(nowNs: number, leftNs: number, operation: number, bytes: number): number {
    let atNs = leftNs;
    if (operation === OPERATION_READ) {
      const carryNs = bytes * this.#byteNs;
      // a backlog: what is ready goes first, in whatever order it was booked
      this.#backNs = Math.max(this.#backNs, nowNs) + carryNs;
      atNs = Math.max(leftNs + carryNs, this.#backNs);
    }
    atNs += this.#wayNs();
    this.#ends[this.#calls++ % this.#ends.length] = atNs;
    return atNs;
  }

  #wayNs(): number {
    const factors = this.#factors;
    if (factors === undefined) return this.latencyNs;
    return this.latencyNs * (factors[(this.#random.unit() * QUANTILES) | 0] as number);
  }
}

const QUANTILES = 8192;
const known: Map<number, Float64Array> = new Map();

/** A log-normal distribution of mean 1 by its quantiles: a look-up for each call in place of logarithms. */
function logNormalFactors(jitter: number): Float64Array {
  let factors = known.get(jitter);
  if (factors !== undefined) return factors;
  const sigma = Math.sqrt(logarithm(1 + jitter * jitter));
  factors = Float64Array.from({ length: QUANTILES }, (_, i) => exponential(sigma * normalQuantile((i + 0.5) / QUANTILES)));
  const mean = factors.reduce((sum, factor) => sum + factor, 0) / QUANTILES;
  for (let i = 0; i < QUANTILES; i++) factors[i] = (factors[i] as number) / mean;
  known.set(jitter, factors);
  return factors;
}

/** By bisection over the error function's series: only tables are made with it. */
function normalQuantile(probability: number): number {
  let low = -6;
  let high = 6;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The share of a normal distribution below x: Marsaglia's series. */
function normalShare(x: number): number {
  let term = x;
  let sum = x;
  for (let i = 3; Math.abs(term) > 1e-15; i += 2) {
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + (sum * exponential((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
