// Line by line against the transcripts of a real kernel: what table, status, messages and log say in each recorded case.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GoldenPlayer, type GoldenStep, goldenSteps } from '../support/golden-multipath.ts';
import { sharedFolder, skipAloud } from '../support/skip.ts';

const test = suite('target/multipath: recorded cases');

const CASES = [
  'mp-args',
  'mp-basic',
  'mp-groups',
  'mp-features',
  'mp-fail-reinstate',
  'mp-hwhandler',
  'mp-selectors-table',
  'mp-queue-if-no-path',
  'mp-queue-timeout',
  'mp-no-path-remove',
] as const;

/** Steps that the target alone cannot answer: tables of two lines, load and suspend. */
const SKIPPED = /\/tmp\/two|\n|dmsetup load|dmsetup remove (--force )?m$/;

/** What a script does between its steps, by the beginning of the step that follows. */
const BETWEEN: Readonly<Record<string, readonly (readonly [step: number, play: (player: GoldenPlayer) => void])[]>> = {
  'mp-queue-if-no-path': [
    [1, (player) => player.begin('m', 'r:0:8 w:8:8')],
    [5, (player) => player.begin('m', 'r:0:8 w:8:8')],
  ],
  'mp-queue-timeout': [
    [2, (player) => player.begin('m', 'r:0:8')],
    [
      3,
      (player) => {
        player.context.get('m')?.pass(5999);
        player.wake();
      },
    ],
  ],
  'mp-no-path-remove': [
    [1, (player) => player.begin('m', 'r:0:8')],
    [
      3,
      (player) => {
        // a forced removal suspends, so that what waits fails, and puts `error` in the map's place
        player.map('m').target.presuspend?.(false);
        player.wake();
        player.remove('m');
      },
    ],
  ],
};

const folder = sharedFolder();
for (const name of CASES) {
  test(`${name} is answered as recorded`, () => {
    const recorded = folder === undefined ? '' : join(folder, 'golden', 'cases', name);
    if (folder === undefined || !existsSync(recorded)) {
      skipAloud(`the recorded case ${name} is not here`);
      return;
    }
    const { setUp, steps } = goldenSteps(recorded);
    const player = new GoldenPlayer();
    for (const command of setUp) player.play(command);
    let compared = 0;
    for (const [index, step] of steps.entries()) {
      for (const [at, play] of BETWEEN[name] ?? []) if (at === index) play(player);
      compared += compare(player, step, `${name}, step ${index}: ${step.command}`);
    }
    assert.ok(compared >= 2, `${name}: only ${compared} lines compared`);
  });
}

function compare(player: GoldenPlayer, step: GoldenStep, where: string): number {
  if (SKIPPED.test(step.command)) return 0;
  const timed = player.takeLogs('m');
  const { output, log } = player.play(step.command);
  assert.equal(output, [...step.output], where);
  const logged = step.log.filter((line) => !/device handler registered/.test(line));
  assert.equal([...timed, ...log], [...logged], where);
  return step.output.length + logged.length;
}

test.run();
