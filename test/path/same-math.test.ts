// Functions whose bits every engine gives alike: held against the engine's own within a few units in the last place, and
// against exact numbers.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { exponential, logarithm, power } from '../../bindings/path/model/same-math.ts';
import { Random } from '../support/random.ts';

const test = suite('path: the same mathematics everywhere');

/** In units of the last place of the larger one. */
function distance(a: number, b: number): number {
  if (Object.is(a, b) || a === b) return 0;
  return Math.abs(a - b) / (Math.max(Math.abs(a), Math.abs(b)) * Number.EPSILON);
}

test('close to what the engine says, over their whole range', () => {
  const source = new Random(2006);
  const random = (): number => source.below(2 ** 32) / 2 ** 32;
  let [log, exp, pow] = [0, 0, 0];
  for (let i = 0; i < 100_000; i++) {
    const wide = 2 ** (random() * 2000 - 1000);
    log = Math.max(log, distance(logarithm(wide), Math.log(wide)));
    const near = 1 + (random() - 0.5) * 2 ** -Math.floor(random() * 40);
    log = Math.max(log, distance(logarithm(near), Math.log(near)));
    const x = (random() - 0.5) * 1400;
    exp = Math.max(exp, distance(exponential(x), Math.exp(x)));
    const base = random() * 1e12;
    const y = (random() - 0.5) * 4;
    pow = Math.max(pow, distance(power(base, y), base ** y));
  }
  assert.ok(log <= 3, `logarithm: ${log}`);
  assert.ok(exp <= 3, `exponential: ${exp}`);
  // the error of a power is that of y × log x, as large as the whole
  assert.ok(pow <= 200, `power: ${pow}`);
});

test('ends and odd places', () => {
  assert.equal([0, -0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1].map(logarithm), [
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    0,
  ]);
  assert.ok(distance(logarithm(Number.MIN_VALUE), -744.4400719213812) <= 1);
  assert.ok(distance(logarithm(Number.MAX_VALUE), 709.782712893384) <= 1);
  const ends = [0, -0, -746, -800, 710, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  assert.equal(ends.map(exponential), [1, 1, 0, 0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]);
  assert.ok(Number.isNaN(exponential(Number.NaN)));
  assert.is(exponential(-745), 5e-324);
  assert.ok(distance(exponential(709.7), Math.exp(709.7)) <= 300);
  assert.equal([power(5, 0), power(0, 2), power(1, -3), power(7, 1)], [1, 0, 1, 7]);
});

test('the same bits on every engine', () => {
  const bits = (x: number): string => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, x);
    return view.getBigUint64(0).toString(16);
  };
  const values = [logarithm(0.1), logarithm(3), logarithm(1e12), exponential(-0.5), exponential(1), exponential(20.25)];
  assert.equal([...values, power(10, 0.3), power(0.2, 2.5), power(123456789, -1.2)].map(bits), [
    'c0026bb1bbb55515',
    '3ff193ea7aad030b',
    '403ba18a998fffa0',
    '3fe368b2fc6f960a',
    '4005bf0a8b14576a',
    '41c290d76d1966aa',
    '3fffec982d5bb8b0',
    '3f92515fdab8464e',
    '3deacf4825616a34',
  ]);
});

test.run();
