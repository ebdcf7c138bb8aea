import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { multipathTarget } from '../../bindings/target/multipath/multipath.ts';
import { MultipathParameters } from '../../bindings/target/multipath/parameters.ts';
import { parseCpuMask, printCpuMask } from '../../bindings/target/multipath/selector/cpu-mask.ts';
import { ioAffinitySelector } from '../../bindings/target/multipath/selector/io-affinity.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import { NO_PATH } from '../../bindings/target/multipath/selector/selector.ts';
import { makeSelector } from '../contract/selector.ts';
import { MultipathMap } from '../support/multipath-map.ts';
import { loopDevices, tableError } from '../support/target-context.ts';

const test = suite('target/multipath/selector: io-affinity');

test('masks are read and printed as the kernel does', () => {
  assert.equal(parseCpuMask('1', 2), [0]);
  assert.equal(parseCpuMask('C', 4), [2, 3]);
  assert.equal(parseCpuMask('1,00000002', 64), [1, 32]);
  assert.equal(parseCpuMask('1,2', 64), [1, 32]);
  assert.is(parseCpuMask('100', 2), undefined);
  for (const bad of ['', 'zz', '0x1', ',1', '1,', '123456789', '-1']) assert.is(parseCpuMask(bad, 1024), undefined, bad);
  assert.is(printCpuMask([0], 2), '1');
  assert.is(printCpuMask([1], 32), '00000002');
  assert.is(printCpuMask([1, 32], 64), '00000001,00000002');
  assert.is(printCpuMask([35], 36), '8,00000000');
});

test('each CPU has its path; without one, or with a failed one, the first usable path of all CPUs is taken', () => {
  let cpu = 0;
  const { selector } = makeSelector(ioAffinitySelector, [['2'], ['5']], { context: { cpus: 4, cpu: () => cpu } });
  const of = (number: number): number => {
    cpu = number;
    return selector.select(4096, 0);
  };
  assert.equal([0, 1, 2].map(of), [1, 0, 1]);
  assert.is(selector.status('info', 0), '0 ');
  assert.is(of(3), 1, 'CPU 3 has none: the path of CPU 0 is the first');
  assert.is(selector.status('info', 0), '1 ');
  assert.is(selector.status('info', 1), '1 ', 'misses are those of the whole selector');
  selector.failPath(1);
  assert.equal([0, 1, 2].map(of), [0, 0, 0]);
  assert.is(selector.status('info', 0), '1 ', 'a failed path is no miss');
  selector.failPath(0);
  assert.is(of(0), NO_PATH);
});

test('a CPU stays with the path that named it first, with a line in the log', () => {
  const { selector, logs } = makeSelector(ioAffinitySelector, [['1'], ['3']], { context: { cpus: 2 } });
  assert.equal(logs, ['multipath io-affinity: CPU mapping for 0 exists. Ignoring.']);
  assert.is(selector.status('table', 1), '3 ');
});

const TABLE = '0 4096 multipath 2 queue_mode MODE 0 1 1 io-affinity 0 2 1 /dev/loop0 1 /dev/loop1 2';
for (const [mode, table] of [
  ['mq', '0 0 1 1 io-affinity 0 2 1 7:0 1 7:1 2 '],
  ['bio', '3 retain_attached_hw_handler queue_mode bio 0 1 1 io-affinity 0 2 1 7:0 1 7:1 2 '],
] as const) {
  test(`the path is that of the submitting CPU as recorded, and the other one when it has failed (${mode})`, () => {
    const parameters = new MultipathParameters();
    parameters.cpus = 2;
    let cpu = 0;
    parameters.cpuOf = () => cpu;
    const type = multipathTarget(new SelectorRegistry(), undefined, parameters);
    const multipath = new MultipathMap(TABLE.replace('MODE', mode), loopDevices(2), { type });
    const three = (number: number): string => {
      cpu = number;
      return [0, 64, 128].map(() => multipath.read()).join(' ');
    };
    assert.is(three(0), '7:0 7:0 7:0');
    assert.is(three(1), '7:1 7:1 7:1');
    multipath.message('fail_path 7:0');
    assert.is(three(0), '7:1 7:1 7:1');
    assert.is(three(1), '7:1 7:1 7:1');
    assert.is(multipath.status, '0 4096 multipath 2 0 0 0 1 1 A 0 2 1 7:0 F 1 0 7:1 A 0 0 ');
    assert.is(multipath.table, `0 4096 multipath ${table}`);
  });
}

test('who gives no submitter has one CPU, and masks may name 32', () => {
  const map = (mask: string): MultipathMap =>
    new MultipathMap(`0 64 multipath 0 0 1 1 io-affinity 0 2 1 /dev/loop0 1 /dev/loop1 ${mask}`, loopDevices(2));
  assert.is(map('fe').read(), '7:0');
  assert.is(map('80000000').table, '0 64 multipath 0 0 1 1 io-affinity 0 2 1 7:0 00000001 7:1 80000000 ');
  assert.is(tableError(() => map('1,0')).kernelText, 'io-affinity ps: invalid cpumask');
});

test.run();
