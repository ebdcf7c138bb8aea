import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArgumentReader, readUnsigned } from '../../bindings/table/arguments.ts';
import { tableError } from '../support/target-context.ts';

const test = suite('table/arguments');

test('a number is digits and nothing else', () => {
  assert.is(readUnsigned('010'), 10);
  for (const word of ['-1', '+5', '1.5', '0x10', '', ' 1', '1 ']) assert.is(readUnsigned(word), undefined);
});

test('a number outside its range fails with the kernel text, the word and the range', () => {
  const error = tableError(() => new ArgumentReader(['51'], 4).uint('must be between 1 and 50', 1, 50));
  assert.is(error.kernelText, 'must be between 1 and 50');
  assert.equal(error.place, { line: 4, word: 3 });
  assert.match(error.message, /expected a whole number from 1 to 50, got "51"/);
});

test('a missing word is placed after the last one', () => {
  const reader = new ArgumentReader(['1']);
  reader.next('first');
  assert.equal(tableError(() => reader.next('second')).place, { line: 1, word: 4 });
});

test('a group is a count and that many words, with places of the whole line', () => {
  const reader = new ArgumentReader(['2', 'a', 'x', 'tail']);
  const group = reader.group('bad group', 8);
  assert.is(group.left, 2);
  assert.is(group.next('word'), 'a');
  assert.equal(tableError(() => group.uint('bad number')).place, { line: 1, word: 5 });
  assert.is(reader.next('word'), 'tail');
});

test('a group that announces more words than follow is refused', () => {
  const error = tableError(() => new ArgumentReader(['3', 'a']).group('invalid number of feature args', 8));
  assert.match(error.message, /3 words announced, but 1 follow/);
});

test('sectors wrap at 2^64 as the kernel reads them', () => {
  assert.is(new ArgumentReader(['18446744073709551616']).sector('bad sector'), 0);
  assert.is(new ArgumentReader(['18446744073709551621']).sector('bad sector'), 5);
  assert.is(new ArgumentReader(['36028797018963968']).sector('bad sector'), 36028797018963968);
});

test.run();
