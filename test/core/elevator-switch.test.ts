// Another elevator while requests are queued: in which order they go over, how old they are there, and what is counted.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { END_REQUEUE } from '../../bindings/target/target.ts';
import { flagsOf } from '../contract/elevator.ts';
import { type BioOptions, CoreDriver, type Settings } from '../support/core-driver.ts';
import { Script } from '../support/core-script.ts';

const test = suite('core/elevator: a switch');

const MS = 1_000_000;
const { OPERATION_WRITE: WRITE } = abi;
const { ELEVATOR_NONE: NONE, ELEVATOR_MQ_DEADLINE: DEADLINE, ELEVATOR_SCAN: SCAN, ELEVATOR_KYBER: KYBER } = abi;

/** A path of depth one that the test answers, with this elevator. */
function held(elevator: number, settings: Settings = {}): { driver: CoreDriver; device: number } {
  const driver = new CoreDriver();
  const device = driver.backing({ elevator, depth: 1, ...settings, script: () => ({ isHeld: true }) });
  return { driver, device };
}

/** Answers all; the sectors in the order of issue, without the first, which went at once. */
function drained(driver: CoreDriver): number[] {
  for (let i = 0; i < driver.issued.length; i++) {
    driver.answer(driver.issued[i]);
    driver.settle();
  }
  driver.assertIdle();
  return driver.issued.slice(1).map(({ sector }) => sector);
}

function queue(driver: CoreDriver, device: number, ...bios: readonly Omit<BioOptions, 'device'>[]): void {
  for (const bio of bios) {
    driver.nowNs += 1000;
    driver.submit([{ device, ...bio }]);
  }
}

const MIXED = [
  { sector: 1000 },
  { sector: 700 },
  { sector: 300, operation: WRITE },
  { sector: 500, flags: flagsOf(abi.PRIORITY_IDLE) },
  { sector: 100, operation: WRITE, flags: flagsOf(abi.PRIORITY_REALTIME) },
  { sector: 900 },
];

for (const [name, elevator] of [
  ['mq-deadline', DEADLINE],
  ['scan', SCAN],
  ['kyber', KYBER],
] as const) {
  test(`what ${name} holds goes over in the order in which it came`, () => {
    const { driver, device } = held(elevator);
    queue(driver, device, ...MIXED);
    driver.configure(device, { elevator: NONE });
    assert.equal(drained(driver), [700, 300, 500, 100, 900]);
  });
}

test('what has been merged with an older one is as old as that', () => {
  const { driver, device } = held(DEADLINE);
  queue(driver, device, { sector: 1000 }, { sector: 508 }, { sector: 300, operation: WRITE }, { sector: 492 }, { sector: 500 });
  driver.configure(device, { elevator: NONE });
  assert.equal(drained(driver), [492, 300]);
});

test('the new elevator sorts what it gets', () => {
  for (const [elevator, expected] of [
    [SCAN, [100, 300, 500, 700, 900]],
    // real time; reads and writes of best effort; idle
    [DEADLINE, [100, 700, 900, 300, 500]],
    [KYBER, [700, 500, 900, 300, 100]],
  ] as const) {
    const { driver, device } = held(NONE);
    queue(driver, device, ...MIXED);
    driver.configure(device, { elevator });
    assert.equal(drained(driver), [...expected]);
  }
});

test('time that was waited counts in mq-deadline: a read that is over its time begins the next batch', () => {
  const { driver, device } = held(NONE, { readExpireMs: 10, fifoBatch: 1 });
  queue(driver, device, { sector: 500 }, { sector: 600 }, { sector: 100 });
  driver.nowNs += 11 * MS;
  queue(driver, device, { sector: 800 }, { sector: 900 }, { sector: 200 });
  driver.configure(device, { elevator: DEADLINE });
  // 600 is the oldest; 800 would be next, but 100 is over its time; the others follow upwards from there
  assert.equal(drained(driver), [600, 100, 200, 800, 900]);
});

test('a batch does not go on in an elevator that begins: neither with a request that waits, nor with one that is gone', () => {
  const { driver, device } = held(DEADLINE);
  queue(driver, device, { sector: 300 }, { sector: 100 }, { sector: 200 });
  driver.answer(driver.issued[0]);
  driver.settle();
  // 100 is away and 200 is next
  driver.configure(device, { elevator: SCAN });
  driver.configure(device, { elevator: DEADLINE });
  queue(driver, device, { sector: 900 });
  driver.answer(driver.issued[1]);
  driver.settle();
  driver.configure(device, { elevator: NONE });
  driver.configure(device, { elevator: DEADLINE });
  for (let i = 2; i < driver.issued.length; i++) {
    driver.answer(driver.issued[i]);
    driver.settle();
  }
  driver.assertIdle();
  assert.equal(
    driver.issued.map(({ sector }) => sector),
    [300, 100, 200, 900],
  );
});

test('with nomerges=1 the one hit after a switch is the oldest request that may merge', () => {
  const { driver, device } = held(DEADLINE, { nomerges: 1 });
  queue(driver, device, { sector: 1000 }, { sector: 500 }, { sector: 100 }, { sector: 300 });
  driver.configure(device, { elevator: SCAN });
  queue(driver, device, { sector: 508 }, { sector: 108 });
  drained(driver);
  assert.equal(driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`).sort(), [
    '100+8',
    '1000+8',
    '108+8',
    '300+8',
    '500+16',
  ]);
});

test('what is under way counts no more in the new elevator, and what comes back from there is counted anew', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ depth: 1, script: () => ({ isHeld: true }) });
  const target = new Script(path, { endIo: [END_REQUEUE] });
  const hooks = { prepMap: target.prepMap.bind(target), endIo: target.endIo.bind(target) };
  const extents = [{ hooks, length: 4096 }];
  const device = driver.request({ extents, paths: [path], elevator: DEADLINE, requests: 2, nomerges: 2 });
  const realtime = flagsOf(abi.PRIORITY_REALTIME);
  driver.submit([{ device, sector: 0, operation: WRITE, flags: realtime }]);
  driver.submit([{ device, sector: 100 }]);
  driver.configure(device, { elevator: KYBER });
  driver.configure(device, { elevator: DEADLINE });
  // it fails, and its credit goes to best effort, which no real time request holds back
  driver.answer(driver.issued[0], abi.STATUS_TRANSPORT);
  driver.settle();
  for (let i = 1; i < driver.issued.length; i++) {
    driver.answer(driver.issued[i]);
    driver.settle();
  }
  assert.equal(
    driver.issued.map(({ sector }) => sector),
    [0, 100, 0],
  );
  // nothing is held any more: idle has its turn at once
  driver.submit([{ device, sector: 500, flags: flagsOf(abi.PRIORITY_IDLE) }]);
  assert.is(driver.issued.length, 4);
  driver.answer(driver.issued[3]);
  driver.assertIdle();
});

test('an elevator that there is not is refused, and the one there is stays', () => {
  const { driver, device } = held(SCAN);
  queue(driver, device, { sector: 1000 }, { sector: 500 }, { sector: 100 });
  assert.is(driver.core.exports.configureDevice(device, abi.SETTING_ELEVATOR, 4), 0);
  assert.equal(drained(driver), [100, 500]);
});

test.run();
