import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RqdmError } from '../../bindings/errors.ts';
import type { Explanation } from '../../bindings/target/target.ts';
import { MultipathMap } from '../support/multipath-map.ts';
import { loopDevices } from '../support/target-context.ts';

const test = suite('target/multipath: explain');

const TWO = '0 64 multipath 1 queue_if_no_path 0 1 1 service-time 0 2 2 /dev/loop0 1 1 /dev/loop1 1 4';
const GROUPS =
  '0 64 multipath 0 0 3 1 queue-length 0 1 0 /dev/loop0 round-robin 0 1 0 /dev/loop1 queue-length 0 1 0 /dev/loop2';

function make(text: string): MultipathMap {
  return new MultipathMap(text, loopDevices(3));
}

function explain(map: MultipathMap): Explanation {
  return map.target.explain?.() as Explanation;
}

function say(map: MultipathMap, text: string): string | undefined {
  return map.target.message?.(text.split(' '));
}

test('nothing is kept until somebody asks for it', () => {
  const map = make(TWO);
  map.read();
  const { isOn, decisions, paths } = explain(map);
  assert.is(isOn, false);
  assert.equal(decisions, []);
  assert.equal(
    paths.map(({ why, figures }) => [why, figures]),
    [
      ['usable', { inFlightBytes: 0, throughput: 1 }],
      ['usable', { inFlightBytes: 0, throughput: 4 }],
    ],
  );
  assert.match(say(map, 'explain') as string, /decisions are not kept: "explain on" keeps them\nnow 7:0 usable /);
});

test('a decision shows what the selector knew before the choice was charged', () => {
  const map = make(TWO);
  say(map, 'explain on');
  map.issue({ sector: 8, nowNs: 1_500_000 });
  map.issue({ sector: 16, sectors: 16, nowNs: 2_000_000 });
  const { decisions } = explain(map);
  assert.equal(
    decisions.map(({ sector, bytes, chosen, group, outcome, operation }) => [
      sector,
      bytes,
      chosen?.number,
      group,
      outcome,
      operation,
    ]),
    [
      [8, 4096, '7:1', 1, 'sent', 'read'],
      [16, 8192, '7:1', 1, 'sent', 'read'],
    ],
  );
  assert.equal(
    decisions[1]?.paths.map(({ device, why, figures }) => [device.number, why, figures]),
    [
      ['7:0', 'usable', { inFlightBytes: 0, throughput: 1 }],
      ['7:1', 'chosen', { inFlightBytes: 4096, throughput: 4 }],
    ],
  );
  assert.is(
    say(map, 'explain')?.split('\n')[1],
    '0.002000 read 16+16: sent 7:1 in group 1; 7:0 usable inFlightBytes=0 throughput=1; 7:1 chosen inFlightBytes=4096 throughput=4',
  );
});

test('each path that is not taken says why', () => {
  const map = make(GROUPS);
  map.read();
  say(map, 'disable_group 3');
  say(map, 'explain on 3');
  map.read();
  say(map, 'fail_path 7:0');
  map.read();
  assert.equal(
    explain(map).decisions.map(({ paths }) => paths.map(({ why }) => why).join(', ')),
    ['chosen, group not current, group disabled', 'failed, chosen, group disabled'],
  );
  say(map, 'explain note 7:0 marginal');
  assert.is(explain(map).paths[0]?.why, 'failed (marginal)');
  say(map, 'explain note 7:0');
  assert.is(explain(map).paths[0]?.why, 'failed');
});

test('an I/O without a path is a decision too', () => {
  const map = make(TWO);
  say(map, 'explain on');
  say(map, 'fail_path 7:0');
  say(map, 'fail_path 7:1');
  assert.is(map.issue().progress, 'waits');
  const [decision] = explain(map).decisions;
  assert.equal([decision?.outcome, decision?.chosen, decision?.group], ['no path', undefined, undefined]);
  assert.equal(
    decision?.paths.map(({ why }) => why),
    ['failed', 'failed'],
  );
});

test('a flush is a decision too', () => {
  const map = make(TWO);
  say(map, 'explain on');
  map.flush();
  const [decision] = explain(map).decisions;
  assert.equal([decision?.operation, decision?.chosen?.number, decision?.bytes], ['flush', '7:1', 0]);
});

test('the last N are kept, the oldest go first', () => {
  const map = make(TWO);
  say(map, 'explain on 2');
  for (const sector of [8, 16, 24]) map.issue({ sector });
  assert.equal(
    explain(map).decisions.map(({ sector }) => sector),
    [16, 24],
  );
  say(map, 'explain off');
  assert.equal(explain(map).decisions, []);
});

test('words that make no sense are refused, and a suspended map explains all the same', () => {
  const map = make(TWO);
  for (const words of [
    'explain of',
    'explain on 0',
    'explain on 65537',
    'explain on x',
    'explain on 1 2',
    'explain note',
    'explain off 1',
    'explain note 7:9 x',
  ]) {
    assert.throws(
      () => say(map, words),
      (error: unknown) => error instanceof RqdmError && error.code === 'ERR_RQDM_MESSAGE',
      words,
    );
  }
  map.target.postsuspend?.();
  assert.type(say(map, 'EXPLAIN'), 'string');
});

test.run();
