import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CacheDomains, DOMAINS_KEPT } from '../../bindings/device/cache-domains.ts';

const test = suite('device/cache-domains');

const NONE: ReadonlySet<number> = new Set();

test('a cache has one number however often it is asked for, and no two have the same', () => {
  const domains = new CacheDomains();
  const numbers = ['a', 'b', 'a', 'c', 'b'].map((key) => domains.numberOf(key, () => NONE));
  assert.equal(numbers, [1, 2, 1, 3, 2]);
});

test('of caches that nobody has open only the last ones are remembered; a number is never given again', () => {
  const domains = new CacheDomains();
  const [open, gone] = [domains.numberOf('open', () => NONE), domains.numberOf('gone', () => NONE)];
  const used = (): ReadonlySet<number> => new Set([open]);
  let last = 0;
  for (let index = 0; index < 5 * DOMAINS_KEPT; index++) {
    last = domains.numberOf(`file ${index}`, used);
    assert.ok(domains.size <= 2 * DOMAINS_KEPT);
  }
  assert.is(domains.numberOf('open', used), open);
  assert.is(domains.numberOf(`file ${5 * DOMAINS_KEPT - 1}`, used), last);
  assert.is(domains.numberOf(`file ${4 * DOMAINS_KEPT}`, used), 4 * DOMAINS_KEPT + 3, 'opened lately');
  const again = domains.numberOf('gone', used);
  assert.ok(again > last && again !== gone);
});

test.run();
