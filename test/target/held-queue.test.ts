import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HeldQueue } from '../../bindings/target/delay/held-queue.ts';
import { Random } from '../support/random.ts';

const test = suite('target/held queue');

test('what goes in comes out in order, with all it had, however the ring turns and grows', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const queue = new HeldQueue();
    let first = 0;
    let next = 0;
    for (let step = 0; step < 1000; step++) {
      if (random.below(5) < 3) {
        queue.push(next, next * 1e6, next * 8, next + 7);
        next += 1;
      } else if (queue.size > 0) {
        assert.equal(
          [queue.id, queue.dueNs, queue.sector, queue.order],
          [first, first * 1e6, first * 8, first + 7],
          `seed ${seed}`,
        );
        queue.shift();
        first += 1;
      }
      assert.is(queue.size, next - first);
    }
    assert.ok(queue.size > 64, 'it has grown more than once');
  }
});

test.run();
