// What every path selector must keep. A new selector is tested by calling this with a few facts about it:
//
//   const test = suite('selector/mine');
//   selectorContract(test, { type: mySelector, wordsFor: (path) => ['1'] });
//   test.run();

import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { ArgumentReader } from '../../bindings/table/arguments.ts';
import type { PathSelector, SelectorContext, SelectorType } from '../../bindings/target/multipath/selector/selector.ts';
import { NO_PATH } from '../../bindings/target/multipath/selector/selector.ts';
import { tableError } from '../support/target-context.ts';

export interface SelectorFacts {
  readonly type: SelectorType;
  /** Good words for path number `path`. */
  readonly wordsFor: (path: number) => readonly string[];
  /** Words that a path may not have, with the kernel's text for each. */
  readonly badWords?: readonly (readonly [words: readonly string[], kernelText: string])[];
}

const BYTES = 4096;

/** A selector with so many paths, and the log it wrote. */
export function makeSelector(
  type: SelectorType,
  paths: readonly (readonly string[])[],
  options: { words?: readonly string[]; context?: Partial<SelectorContext> } = {},
): { selector: PathSelector; logs: string[] } {
  const logs: string[] = [];
  const log = (line: string): void => void logs.push(line);
  const selector = type.create(new ArgumentReader(options.words ?? []), { log, ...options.context });
  for (const words of paths) selector.addPath(new ArgumentReader(words));
  return { selector, logs };
}

/** Selects and starts `count` I/Os; returns the paths. */
export function selectMany(selector: PathSelector, count: number, bytes: number = BYTES): number[] {
  return Array.from({ length: count }, () => {
    const path = selector.select(bytes, 0);
    if (path !== NO_PATH) selector.startIo?.(path, bytes, 0);
    return path;
  });
}

export function selectorContract(test: Test, facts: SelectorFacts): void {
  const { type } = facts;
  const make = (paths: number): PathSelector =>
    makeSelector(
      type,
      Array.from({ length: paths }, (_, path) => facts.wordsFor(path)),
    ).selector;
  const infos = (selector: PathSelector, paths: number): string[] =>
    Array.from({ length: paths }, (_, path) => selector.status('info', path));

  test(`${type.name}: without paths there is none to select`, () => {
    assert.is(make(0).select(BYTES, 0), NO_PATH);
  });

  test(`${type.name}: the only path is selected each time`, () => {
    assert.equal(selectMany(make(1), 3), [0, 0, 0]);
  });

  test(`${type.name}: a failed path is not selected until it is reinstated`, () => {
    const selector = make(3);
    selector.failPath(1);
    assert.not.ok(selectMany(selector, 12).includes(1));
    selector.reinstatePath(1);
    selector.failPath(0);
    selector.failPath(2);
    assert.equal(selectMany(selector, 2), [1, 1]);
  });

  test(`${type.name}: with all paths failed there is none, and one that returns is found`, () => {
    const selector = make(2);
    selector.failPath(0);
    selector.failPath(1);
    assert.is(selector.select(BYTES, 0), NO_PATH);
    selector.reinstatePath(0);
    assert.is(selector.select(BYTES, 0), 0);
  });

  test(`${type.name}: failing and reinstating in every order loses no path`, () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [1, 2, 0],
    ]) {
      const selector = make(3);
      for (const path of order) selector.failPath(path);
      for (const path of order) selector.reinstatePath(path);
      for (const path of [0, 1, 2]) {
        const others = [0, 1, 2].filter((other) => other !== path);
        for (const other of others) selector.failPath(other);
        assert.is(selector.select(BYTES, 0), path);
        for (const other of others) selector.reinstatePath(other);
      }
    }
  });

  test(`${type.name}: an I/O that never went leaves no trace`, () => {
    const selector = make(2);
    const before = infos(selector, 2);
    const path = selector.select(BYTES, 0);
    selector.startIo?.(path, BYTES, 0);
    selector.releaseIo?.(path, BYTES);
    assert.equal(infos(selector, 2), before);
  });

  test(`${type.name}: an I/O may end on a path that failed meanwhile`, () => {
    const selector = make(2);
    const [path] = selectMany(selector, 1);
    selector.failPath(path);
    selector.endIo?.(path, BYTES, 0, 1000);
    selector.reinstatePath(path);
    assert.is.not(selector.select(BYTES, 0), NO_PATH);
  });

  test(`${type.name}: status has as many words as the type says, each with a blank behind`, () => {
    const selector = make(1);
    const words = (text: string): number => {
      assert.ok(text === '' || text.endsWith(' '), JSON.stringify(text));
      return text.split(' ').length - 1;
    };
    assert.is(words(selector.status('info', 0)), type.infoWords);
    assert.is(words(selector.status('table', 0)), type.tableWords);
    for (const kind of ['info', 'table'] as const) {
      const own = selector.status(kind, undefined);
      assert.is(words(own), 1 + Number.parseInt(own, 10));
    }
  });

  test(`${type.name}: what it prints for its paths it takes again`, () => {
    const selector = make(2);
    const printed = [0, 1].map((path) => selector.status('table', path));
    const again = makeSelector(
      type,
      printed.map((text) => text.split(' ').filter((word) => word !== '')),
    ).selector;
    assert.equal(
      [0, 1].map((path) => again.status('table', path)),
      printed,
    );
  });

  test(`${type.name}: as many figures as it names, all numbers`, () => {
    const selector = make(2);
    selectMany(selector, 3);
    for (const [which, name] of (selector.figures ?? []).entries()) {
      const value = selector.figure?.(0, which);
      assert.ok(Number.isFinite(value), `${name} is ${value}`);
    }
  });

  for (const [words, kernelText] of facts.badWords ?? []) {
    test(`${type.name}: words "${words.join(' ')}" of a path are refused`, () => {
      const { selector } = makeSelector(type, []);
      assert.is(tableError(() => selector.addPath(new ArgumentReader(words))).kernelText, kernelText);
    });
  }
}
