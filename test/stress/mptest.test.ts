// mptest's five scenarios on one machine: verified load over four paths in two groups, while paths and groups come and go.
//
// Each runs twice: on virtual time, over slow paths, where a phase of trouble is one second as in the original and a
// seed gives the same history again; and over one real file, through threads and without them, as fast as the machine is.
//
//   RQDM_STRESS_ROUNDS   how often the trouble comes in each (6). The original's half minute is 15, a long night 10000.
//   RQDM_SEED            what to begin with; printed, so that a run can be repeated

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import {
  MPTEST_BYTES,
  MPTEST_LIMITS,
  Mptest,
  type MptestResult,
  type QueueMode,
  SCENARIOS,
  type Stage,
} from '../support/mptest.ts';
import { turns, until } from '../support/promise-state.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { VirtualMapper } from '../support/virtual-mapper.ts';

export const timeoutMs = 3_600_000;

const ROUNDS = Number(process.env['RQDM_STRESS_ROUNDS'] ?? 6);
const SEED = Number(process.env['RQDM_SEED'] ?? Date.now() % 2 ** 31);

const test = suite('stress: mptest');

/** Two arrays' ports, each with a speed of its own; all four lead to the same memory. */
function virtualStage(virtual: VirtualMapper): Stage {
  const service = ['4ms+10us/KiB', '5ms+10us/KiB', '4ms+12us/KiB', '9ms+20us/KiB'];
  return {
    mapper: virtual.mapper,
    word: (path, generation) =>
      `mem:disk?size=${MPTEST_BYTES}&cache=disk&delay=${service[path]}&serial=port${path}` +
      `&switch=${switchOf(path, generation)}#${path}.${generation}`,
    switchOf,
    phase: () => new Promise((resolve) => virtual.time.at(virtual.time.now() + 1e9, resolve)),
    wait: (promise) => virtual.run(promise),
  };
}

/** I/Os of a phase on real time, and turns of the event loop in which nothing may happen any more. */
const PHASE_IOS = 150;
const QUIET_TURNS = 20;

function realStage(mapper: DeviceMapper, file: string): Stage {
  const modes = ['worker', 'auto', 'inline', 'worker'];
  return {
    mapper,
    word: (path, generation) =>
      `${file}?mode=${modes[path]}&discard=zeros&switch=${switchOf(path, generation)}#${path}.${generation}`,
    switchOf,
    phase: async (ios, holds) => {
      const end = ios() + PHASE_IOS;
      await until(holds ?? (() => ios() >= end));
      if (holds) await turns(QUIET_TURNS);
    },
    wait: (promise) => promise,
  };
}

function switchOf(path: number, generation: number): string {
  return `path${path}-${generation}`;
}

function check(result: MptestResult, scenario: (typeof SCENARIOS)[number]): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  const { ios, bytesVerified, phasesWithoutPath, failures, issuedByGroup } = result;
  assert.ok(ios > 0 && bytesVerified >= MPTEST_BYTES);
  if (scenario === 'paths failed' || scenario === 'paths deleted') assert.is(phasesWithoutPath, ROUNDS);
  // one, two, three of the four paths, then all
  if (scenario === 'paths offline') assert.is(phasesWithoutPath, Math.floor(ROUNDS / 4));
  if (scenario === 'no failure' || scenario === 'groups disabled') assert.equal([phasesWithoutPath, failures], [0, 0]);
  else if (scenario !== 'paths deleted') assert.ok(failures > 0);
  // the second group is there for when the first one has no path or is not wanted
  assert.is(issuedByGroup[1] > 0, scenario === 'groups disabled' || scenario === 'paths offline', `${issuedByGroup}`);
}

for (const scenario of SCENARIOS) {
  for (const queueMode of ['mq', 'bio'] as const) {
    test(`${scenario}, queue_mode ${queueMode}, on virtual time: every byte is right and all paths are well at the end`, async () => {
      const stressed = async (): Promise<MptestResult> => {
        await using virtual = new VirtualMapper({ limits: MPTEST_LIMITS });
        return await new Mptest(virtualStage(virtual), { scenario, queueMode, seed: SEED, rounds: ROUNDS }).run();
      };
      say(scenario, queueMode);
      check(await stressed(), scenario);
    });
  }

  for (const queueMode of ['rq', 'bio'] as const) {
    test(`${scenario}, queue_mode ${queueMode}, over a file: every byte is right and all paths are well at the end`, async () => {
      using folder = new TemporaryFolder();
      const file = folder.file('disk', MPTEST_BYTES);
      await using mapper = new DeviceMapper({ limits: MPTEST_LIMITS });
      say(scenario, queueMode);
      const mptest = new Mptest(realStage(mapper, file), { scenario, queueMode, seed: SEED, rounds: ROUNDS });
      check(await mptest.run(), scenario);
      mptest.verifyFile(folder.read('disk'));
    });
  }
}

test('on virtual time the same seed gives the same run', async () => {
  const results: MptestResult[] = [];
  for (let run = 0; run < 2; run++) {
    await using virtual = new VirtualMapper({ limits: MPTEST_LIMITS });
    const options = { scenario: 'paths deleted', queueMode: 'mq', seed: SEED, rounds: 2 } as const;
    results.push(await new Mptest(virtualStage(virtual), options).run());
  }
  assert.equal(results[1], results[0]);
});

function say(scenario: string, queueMode: QueueMode): void {
  process.stdout.write(`\nRQDM_SEED=${SEED} RQDM_STRESS_ROUNDS=${ROUNDS} ${scenario} ${queueMode}: `);
}

test.run();
