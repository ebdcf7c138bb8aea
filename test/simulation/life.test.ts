// Whole lives in virtual time, with faults; data verified, and the same seed gives the same history to the byte.
//
//   RQDM_SEED              the one seed to run, as a failure names it
//   RQDM_SIMULATION_IOS    I/Os of each life (2500). A million in all: RQDM_SIMULATION_IOS=100000

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type LifeOptions, SHAPES, SimulatedLife } from '../support/simulated-life.ts';

export const timeoutMs = 1_800_000;

const SEED = Number(process.env['RQDM_SEED'] ?? Date.now() % 2 ** 31);
const IOS = Number(process.env['RQDM_SIMULATION_IOS'] ?? 2500);

const test = suite('simulation: lives');

for (const shape of SHAPES) {
  for (const mayFail of [false, true]) {
    test(`${shape}${mayFail ? ', with errors that reach callers' : ''}: every byte is right, all is free again, the seed repeats it`, async () => {
      const options: LifeOptions = { seed: SEED, shape, ios: IOS, mayFail };
      process.stdout.write(`\nRQDM_SEED=${SEED} ${shape} ${mayFail}\n`);
      const first = await new SimulatedLife(options).run();
      const second = await new SimulatedLife(options).run();
      const differing = first.lines.findIndex((line, index) => line !== second.lines[index]);
      assert.is(differing, -1, `line ${differing} differs: ${first.lines[differing]} | ${second.lines[differing]}`);
      assert.is(second.digest, first.digest);
      assert.ok(first.ios >= IOS && first.requeues > 0, `${first.ios} I/Os, ${first.requeues} requeues`);
      assert.is(first.failed > 0, mayFail);
      const { ios, failed, aborted, requeues, bytesVerified, events, virtualSeconds, digest } = first;
      process.stdout.write(
        `${ios} I/Os, ${failed} failed, ${aborted} aborted, ${requeues} requeues, ${bytesVerified} bytes verified, ` +
          `${events} events in ${virtualSeconds.toFixed(1)} virtual seconds, ${digest.slice(0, 16)}\n`,
      );
    });
  }
}

test('another seed gives another history', async () => {
  const options = { shape: 'request', ios: 200, mayFail: false } as const;
  const [a, b] = [
    await new SimulatedLife({ seed: 1, ...options }).run(),
    await new SimulatedLife({ seed: 2, ...options }).run(),
  ];
  assert.is.not(a.digest, b.digest);
});

test.run();
