// Logarithm, exponential and power from +, -, × and ÷ alone. Engines may approximate `Math.log` and its like each in its own
// way; these give the same bits everywhere, and so do the results of a simulation. Within a few units in the last place.

/** The natural logarithm of 2 in two parts: the first has trailing zeros enough that k times it is exact. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const SQRT_TWO = Math.SQRT2;
/** Beyond these an exponential is Infinity or 0. */
const EXP_MOST = 709.782712893384;
const EXP_LEAST = -745.1332191019412;
const FRACTION_BITS = 52;
const EXPONENT_BIAS = 1023;
const TWO_54 = 18014398509481984;

const view = new DataView(new ArrayBuffer(8));

/** 2 to a whole number from -1022 to 1023. */
export function powerOfTwo(exponent: number): number {
  view.setUint32(0, (exponent + EXPONENT_BIAS) << (FRACTION_BITS - 32));
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/** The natural logarithm. -Infinity of 0, NaN of what is below. */
export function logarithm(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  // numbers too small for a whole fraction are scaled up first
  const isTiny = x < 2.2250738585072014e-308;
  view.setFloat64(0, isTiny ? x * TWO_54 : x);
  const high = view.getUint32(0);
  let exponent = (high >>> 20) - EXPONENT_BIAS - (isTiny ? 54 : 0);
  view.setUint32(0, (high & 0xfffff) | (EXPONENT_BIAS << 20));
  let mantissa = view.getFloat64(0); // 1 … 2
  if (mantissa > SQRT_TWO) {
    mantissa /= 2;
    exponent++;
  }
  // log m = 2 artanh s, with s = (m - 1) / (m + 1): |s| is below 0.172, so twelve terms of the series do
  const s = (mantissa - 1) / (mantissa + 1);
  const z = s * s;
  let sum = 0;
  for (let n = 25; n > 1; n -= 2) sum = (sum + 1 / n) * z;
  return exponent * LN2_HIGH + (exponent * LN2_LOW + (2 * s + 2 * s * sum));
}

/** e to the power x. */
export function exponential(x: number): number {
  if (!(x < EXP_MOST)) return x === EXP_MOST ? Number.MAX_VALUE : Number.isNaN(x) ? x : Number.POSITIVE_INFINITY;
  if (x < EXP_LEAST) return 0;
  const k = Math.round(x / (LN2_HIGH + LN2_LOW));
  const r = x - k * LN2_HIGH - k * LN2_LOW; // |r| is at most ln 2 / 2
  let sum = 1;
  for (let n = 16; n > 0; n--) sum = 1 + (sum * r) / n;
  // in two steps: 2^k itself may be no number
  const half = k >> 1;
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

/** x to the power y, for x from 0 on. */
export function power(x: number, y: number): number {
  if (y === 0 || x === 1) return 1;
  if (y === 1) return x;
  return exponential(y * logarithm(x));
}
