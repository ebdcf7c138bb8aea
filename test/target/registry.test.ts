import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RqdmError } from '../../bindings/errors.ts';
import { linearTarget } from '../../bindings/target/linear.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import { roundRobinSelector } from '../../bindings/target/multipath/selector/round-robin.ts';
import { builtInTargets, TargetRegistry } from '../../bindings/target/registry.ts';

const test = suite('target/registry');

function throwsCode(run: () => void, code: string): void {
  assert.throws(run, (error: unknown) => error instanceof RqdmError && error.code === code);
}

test('the built-in targets are known by name', () => {
  const registry = new TargetRegistry(builtInTargets(new SelectorRegistry()));
  const names = ['linear', 'error', 'passthrough', 'multipath', 'delay', 'flakey', 'dust', 'unstriped', 'switch'];
  for (const name of names) assert.is(registry.get(name)?.name, name);
  assert.is(registry.get('nosuch'), undefined);
});

test('a name is given once', () => {
  const registry = new TargetRegistry([linearTarget]);
  throwsCode(() => registry.registerTarget(linearTarget), 'ERR_RQDM_TARGET_EXISTS');
  assert.is(registry.list().length, 1);
});

test('a name that no table line can hold is refused', () => {
  const registry = new TargetRegistry();
  for (const name of ['', 'two words', 'back\\slash', 'a-name-too-long-for-it']) {
    throwsCode(() => registry.registerTarget({ ...linearTarget, name }), 'ERR_RQDM_TARGET_NAME');
  }
});

test('the built-in selectors are known by name, and a name is given once', () => {
  const registry = new SelectorRegistry();
  for (const name of ['round-robin', 'queue-length', 'service-time']) assert.is(registry.get(name)?.name, name);
  throwsCode(() => registry.registerSelector(roundRobinSelector), 'ERR_RQDM_SELECTOR_EXISTS');
  throwsCode(() => registry.registerSelector({ ...roundRobinSelector, name: 'a b' }), 'ERR_RQDM_SELECTOR_NAME');
});

test.run();
