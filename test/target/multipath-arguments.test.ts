// Replays of a real kernel's answers (Linux 6.1): which tables it takes, what it prints back, and how it refuses.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MultipathMap } from '../support/multipath-map.ts';
import { FakeContext, loopDevices, tableError } from '../support/target-context.ts';

const test = suite('target/multipath: words');

const devices = loopDevices(4);

function map(words: string): MultipathMap {
  return new MultipathMap(`0 64 multipath ${words}`, devices);
}

const REFUSED: readonly (readonly [words: string, kernelText: string])[] = [
  ['', 'invalid number of feature args'],
  ['0', 'invalid number of hardware handler args'],
  ['0 0', 'invalid number of priority groups'],
  ['0 0 1', 'invalid initial priority group number'],
  ['x 0 1 1', 'invalid number of feature args'],
  ['0 0 x 1', 'invalid number of priority groups'],
  ['0 0 0 1', 'invalid initial priority group'],
  ['0 0 1 0 round-robin 0 1 1 /dev/loop0 1', 'invalid initial priority group'],
  ['0 0 1025 1', 'invalid number of priority groups'],
  ['0 0 1 1', 'priority group count mismatch'],
  ['0 0 1 1 round-robin', 'not enough priority group arguments'],
  ['0 0 1 1 nosuch-selector 0 1 1 /dev/loop0 1', 'unknown path selector type'],
  ['0 0 1 1 round-robin x 1 1 /dev/loop0 1', 'invalid number of path selector args'],
  ['0 0 1 1 round-robin 0 0 1', 'invalid number of paths'],
  ['0 0 1 1 round-robin 0 0 0', 'invalid number of paths'],
  ['0 0 1 1 round-robin 0 2 1 /dev/loop0 1', 'not enough path parameters'],
  ['0 0 1 1 round-robin 0 1 1', 'not enough path parameters'],
  ['0 0 1 1 round-robin 0 1 1 /dev/loop0', 'not enough path parameters'],
  ['0 0 1 1 round-robin 0 1 1 /dev/loop0 x', 'round-robin ps: invalid repeat count'],
  ['0 0 1 1 round-robin 0 1 2 /dev/loop0 1 2', 'round-robin ps: incorrect number of arguments'],
  ['0 0 1 1 round-robin 0 1 1 /dev/loop0 -1', 'round-robin ps: invalid repeat count'],
  ['0 0 1 1 round-robin 0 1 1 /dev/loop0 1 extra', 'not enough priority group arguments'],
  ['0 0 2 1 round-robin 0 1 1 /dev/loop0 1', 'priority group count mismatch'],
  ['0 0 1 1 round-robin 0 1 1 /dev/loop0 1 round-robin 0 1 1 /dev/loop1 1', 'priority group count mismatch'],
  ['1 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'Unrecognised multipath feature request'],
  ['1 bogus 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'Unrecognised multipath feature request'],
  ['2 queue_if_no_path 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'Unrecognised multipath feature request'],
  ['9 a b c d e f g h i 0 1 1', 'invalid number of feature args'],
  ['1 no_partitions 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'Unrecognised multipath feature request'],
  ['2 pg_init_retries 0 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'pg_init_retries must be between 1 and 50'],
  ['2 pg_init_retries x 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'pg_init_retries must be between 1 and 50'],
  ['1 pg_init_retries 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'Unrecognised multipath feature request'],
  ['2 pg_init_delay_msecs 60001 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'pg_init_delay_msecs must be between 0 and 60000'],
  ['2 queue_mode sq 0 1 1 round-robin 0 1 1 /dev/loop0 1', "Unknown 'queue_mode' requested"],
  ['1 queue_mode 0 1 1 round-robin 0 1 1 /dev/loop0 1', 'Unrecognised multipath feature request'],
  ['0 0 1 1 queue-length 0 1 1 /dev/loop0 x', 'queue-length ps: invalid repeat count'],
  ['0 0 1 1 service-time 0 1 2 /dev/loop0 1 101', 'service-time ps: invalid relative_throughput value'],
  ['0 0 1 1 service-time 0 1 3 /dev/loop0 1 2 3', 'service-time ps: incorrect number of arguments'],
];

for (const [words, kernelText] of REFUSED) {
  test(`"${words}" is refused: ${kernelText}`, () => {
    const error = tableError(() => map(words));
    assert.is(error.kernelText, kernelText);
    assert.is(error.errno, 'EINVAL');
    assert.is(error.place?.line, 1);
  });
}

const ENODEV: readonly (readonly [words: string, kernelText: string])[] = [
  ['0 0 1 1 round-robin 0 1 1 /dev/nosuch 1', 'error getting device'],
  ['0 1 nosuch_handler 1 1 round-robin 0 1 1 /dev/loop0 1', 'error attaching hardware handler'],
  ['0 1 alua 1 1 round-robin 0 1 1 /dev/loop0 1', 'error attaching hardware handler'],
];

for (const [words, kernelText] of ENODEV) {
  test(`"${words}" is refused with ENODEV: ${kernelText}`, () => {
    const error = tableError(() => map(words));
    assert.is(error.kernelText, kernelText);
    assert.is(error.errno, 'ENODEV');
  });
}

/** Words, then TABLE and INFO before any I/O. */
const TAKEN: readonly (readonly [words: string, table: string, info?: string])[] = [
  ['0 0 1 2 round-robin 0 1 1 /dev/loop0 1', '0 0 1 1 round-robin 0 1 1 7:0 1 '],
  ['0 0 1 1 round-robin 1 5 1 1 /dev/loop0 1', '0 0 1 1 round-robin 0 1 1 7:0 1 '],
  ['0 0 1 1 round-robin 0 1 1 /dev/loop0 0', '0 0 1 1 round-robin 0 1 1 7:0 0 '],
  ['0 0 0 0', '0 0 0 0 ', '2 1 0 0 0 0 '],
  [
    '0 0 2 1 round-robin 0 2 1 /dev/loop0 100 /dev/loop1 200 round-robin 0 2 1 /dev/loop2 1 /dev/loop3 1',
    '0 0 2 1 round-robin 0 2 1 7:0 1 7:1 1 round-robin 0 2 1 7:2 1 7:3 1 ',
    '2 1 0 0 2 1 E 0 2 0 7:0 A 0 7:1 A 0 E 0 2 0 7:2 A 0 7:3 A 0 ',
  ],
  [
    '0 0 2 2 round-robin 0 1 1 /dev/loop0 1 round-robin 0 1 1 /dev/loop1 1',
    '0 0 2 2 round-robin 0 1 1 7:0 1 round-robin 0 1 1 7:1 1 ',
    '2 1 0 0 2 2 E 0 1 0 7:0 A 0 E 0 1 0 7:1 A 0 ',
  ],
  [
    '0 0 1 1 round-robin 0 2 0 /dev/loop0 /dev/loop1',
    '0 0 1 1 round-robin 0 2 1 7:0 1 7:1 1 ',
    '2 1 0 0 1 1 E 0 2 0 7:0 A 0 7:1 A 0 ',
  ],
  [
    '1 queue_if_no_path 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '1 queue_if_no_path 0 1 1 round-robin 0 1 1 7:0 1 ',
    '2 1 0 0 1 1 E 0 1 0 7:0 A 0 ',
  ],
  [
    '1 retain_attached_hw_handler 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '1 retain_attached_hw_handler 0 1 1 round-robin 0 1 1 7:0 1 ',
  ],
  [
    '2 retain_attached_hw_handler queue_if_no_path 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '2 queue_if_no_path retain_attached_hw_handler 0 1 1 round-robin 0 1 1 7:0 1 ',
  ],
  ['2 pg_init_retries 11 0 1 1 round-robin 0 1 1 /dev/loop0 1', '2 pg_init_retries 11 0 1 1 round-robin 0 1 1 7:0 1 '],
  ['2 pg_init_delay_msecs 0 0 1 1 round-robin 0 1 1 /dev/loop0 1', '2 pg_init_delay_msecs 0 0 1 1 round-robin 0 1 1 7:0 1 '],
  [
    '2 queue_mode bio 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '3 retain_attached_hw_handler queue_mode bio 0 1 1 round-robin 0 1 1 7:0 1 ',
  ],
  ['2 queue_mode rq 0 1 1 round-robin 0 1 1 /dev/loop0 1', '0 0 1 1 round-robin 0 1 1 7:0 1 '],
  ['2 queue_mode mq 0 1 1 round-robin 0 1 1 /dev/loop0 1', '0 0 1 1 round-robin 0 1 1 7:0 1 '],
  [
    '2 queue_mode BIO 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '3 retain_attached_hw_handler queue_mode bio 0 1 1 round-robin 0 1 1 7:0 1 ',
  ],
  [
    '8 queue_if_no_path retain_attached_hw_handler pg_init_retries 5 pg_init_delay_msecs 100 queue_mode mq 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '6 queue_if_no_path pg_init_retries 5 pg_init_delay_msecs 100 retain_attached_hw_handler 0 1 1 round-robin 0 1 1 7:0 1 ',
  ],
  [
    '3 queue_if_no_path queue_mode bio 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '4 queue_if_no_path retain_attached_hw_handler queue_mode bio 0 1 1 round-robin 0 1 1 7:0 1 ',
  ],
  [
    '2 queue_if_no_path queue_if_no_path 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '1 queue_if_no_path 0 1 1 round-robin 0 1 1 7:0 1 ',
  ],
  [
    '6 queue_mode bio queue_mode rq queue_mode bio 0 1 1 round-robin 0 1 1 /dev/loop0 1',
    '3 retain_attached_hw_handler queue_mode bio 0 1 1 round-robin 0 1 1 7:0 1 ',
  ],
  [
    '0 0 1 1 queue-length 0 2 0 /dev/loop0 /dev/loop1',
    '0 0 1 1 queue-length 0 2 1 7:0 1 7:1 1 ',
    '2 1 0 0 1 1 E 0 2 1 7:0 A 0 0 7:1 A 0 0 ',
  ],
  ['0 0 1 1 queue-length 0 1 1 /dev/loop0 0', '0 0 1 1 queue-length 0 1 1 7:0 0 '],
  ['0 0 1 1 queue-length 1 5 1 0 /dev/loop0', '0 0 1 1 queue-length 0 1 1 7:0 1 '],
  [
    '0 0 1 1 service-time 0 2 0 /dev/loop0 /dev/loop1',
    '0 0 1 1 service-time 0 2 2 7:0 1 1 7:1 1 1 ',
    '2 1 0 0 1 1 E 0 2 2 7:0 A 0 0 1 7:1 A 0 0 1 ',
  ],
  ['0 0 1 1 service-time 0 2 1 /dev/loop0 10 /dev/loop1 20', '0 0 1 1 service-time 0 2 2 7:0 1 1 7:1 1 1 '],
  [
    '0 0 1 1 service-time 0 2 2 /dev/loop0 10 1 /dev/loop1 20 100',
    '0 0 1 1 service-time 0 2 2 7:0 1 1 7:1 1 100 ',
    '2 1 0 0 1 1 E 0 2 2 7:0 A 0 0 1 7:1 A 0 0 100 ',
  ],
  [
    '0 0 1 1 service-time 0 2 2 /dev/loop0 1 0 /dev/loop1 1 1',
    '0 0 1 1 service-time 0 2 2 7:0 1 0 7:1 1 1 ',
    '2 1 0 0 1 1 E 0 2 2 7:0 A 0 0 0 7:1 A 0 0 1 ',
  ],
  ['0 0 1 1 service-time 1 7 1 0 /dev/loop0', '0 0 1 1 service-time 0 1 2 7:0 1 1 '],
];

for (const [words, table, info] of TAKEN) {
  test(`"${words}" prints back as "${table}", and that loads again`, () => {
    assert.is(map(words).table, `0 64 multipath ${table}`);
    assert.is(map(table.trim()).table, `0 64 multipath ${table}`);
    if (info !== undefined) assert.is(map(words).status, `0 64 multipath ${info}`);
  });
}

test('a refusal names the word, its place and what was expected', () => {
  const error = tableError(() => map('2 pg_init_retries 51 0 1 1 round-robin 0 1 1 /dev/loop0 1'));
  assert.equal(error.place, { line: 1, word: 5 });
  assert.match(error.message, /expected a whole number from 1 to 50, got "51"/);
  assert.match(
    tableError(() => map('0 0 1 1 nosuch 0 1 1 /dev/loop0 1')).message,
    /expected one of round-robin, queue-length, service-time, historical-service-time, io-affinity, got "nosuch"/,
  );
});

test('bio-based, handler words are ignored with a line in the log', () => {
  const bio = map('2 queue_mode bio 2 alua 1 1 1 round-robin 0 1 1 /dev/loop0 1');
  assert.is(bio.table, '0 64 multipath 3 retain_attached_hw_handler queue_mode bio 0 1 1 round-robin 0 1 1 7:0 1 ');
  assert.equal(bio.context.logs, ["multipath: bio-based multipath doesn't allow hardware handler args"]);
});

test('queue_mode decides the type; without it the wish does; without that it is request-based', () => {
  assert.is(map('2 queue_mode bio 0 1 1 round-robin 0 1 1 /dev/loop0 1').target.type, 'bio');
  assert.is(map('0 0 1 1 round-robin 0 1 1 /dev/loop0 1').target.type, 'request');
  const context = new FakeContext(devices);
  context.requestedType = 'bio';
  const wished = new MultipathMap('0 64 multipath 0 0 1 1 round-robin 0 1 1 /dev/loop0 1', devices, { context });
  assert.is(wished.target.type, 'bio');
  assert.is(wished.table, '0 64 multipath 3 retain_attached_hw_handler queue_mode bio 0 1 1 round-robin 0 1 1 7:0 1 ');
});

test('every path is visited from its first sector, over the length of the map', () => {
  const seen: unknown[] = [];
  map('0 0 1 1 round-robin 0 2 0 /dev/loop0 /dev/loop1').target.iterateDevices?.((device, start, length) =>
    seen.push([device.number, start, length]),
  );
  assert.equal(seen, [
    ['7:0', 0, 64],
    ['7:1', 0, 64],
  ]);
});

test.run();
