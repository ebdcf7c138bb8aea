// Every selector, elevator and kind of table runs on virtual time, stacks too, and loses nothing.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runScenario, scenarioOf, TWO_PATHS } from '../support/simulated-runs.ts';

const test = suite('simulate: policies');
const LOAD = { rw: 'randrw', bs: '8k', iodepth: 32, number_ios: 4000 };
const LOW = { name: 'low', table: '0 * multipath 0 0 1 1 service-time 0 2 2 /dev/a 1 1 /dev/b 1 1' };

const SELECTORS = ['round-robin', 'queue-length', 'service-time', 'historical-service-time'];
const MAPS: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ...SELECTORS.flatMap((selector) =>
    ['request', 'bio'].map((mapping) => [`${selector}, ${mapping}`, { map: { selector, mapping } }] as const),
  ),
  ['io-affinity', { map: { selector: 'io-affinity', groups: [['a']], path_args: [1] } }],
  ...['none', 'mq-deadline', 'kyber', 'scan'].map((elevator) => [`elevator ${elevator}`, { elevator }] as const),
  ['a disk with a command queue', { storage: { ssd: { model: 'nearline-7200', size: '16G' } } }],
  ['striped', { map: undefined, table: '0 4194304 striped 2 128 /dev/a 0 /dev/b 0' }],
  ['delay', { map: undefined, table: '0 4194304 delay /dev/a 0 1' }],
  [
    'requests on requests',
    { map: undefined, devices: [LOW, { name: 'top', table: '0 * multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 0 low' }] },
  ],
  ['linear on requests', { map: undefined, devices: [LOW, { name: 'top', table: '0 8388608 linear low 2048' }] }],
];

for (const [name, fields] of MAPS) {
  test(`${name}: all I/O ends, well`, async () => {
    const result = await runScenario(scenarioOf({ ...TWO_PATHS, load: LOAD, ...fields }));
    assert.equal([result.ios, result.errors, result.unfinished], [4000, {}, 0]);
    const bytes = result.paths.reduce((sum, path) => sum + path.readBytes + path.writeBytes, 0);
    assert.is(bytes, 4000 * 8192);
    assert.is(result.callers.read.count + result.callers.write.count, 4000);
  });
}

test.run();
