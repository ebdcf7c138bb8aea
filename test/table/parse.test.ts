import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseTable, splitWords } from '../../bindings/table/parse.ts';
import { quoteWord } from '../../bindings/table/print.ts';
import { tableError } from '../support/target-context.ts';

const test = suite('table/parse');

test('a line is start, length, target and words', () => {
  assert.equal(parseTable('0 2048 linear /dev/ram0 16'), [
    { startSector: 0, lengthSectors: 2048, isWholeDevice: false, target: 'linear', words: ['/dev/ram0', '16'], line: 1 },
  ]);
});

test('blank lines and comments are skipped but counted', () => {
  const lines = parseTable('# a table\n\n  0 8 zero\n\t# more\n8 8 error\n');
  assert.equal(
    lines.map(({ line, target }) => [line, target]),
    [
      [3, 'zero'],
      [5, 'error'],
    ],
  );
});

test('a list of lines is read like a text', () => {
  assert.equal(
    parseTable(['0 8 zero', '8 8 error']).map((line) => line.line),
    [1, 2],
  );
});

test('white space of any kind and length separates words', () => {
  assert.equal(splitWords(' a\t b\v\fc \r'), ['a', 'b', 'c']);
});

test('a backslash quotes the next character', () => {
  assert.equal(splitWords('/a\\ b \\\\c d\\ef'), ['/a b', '\\c', 'def']);
});

test('a backslash at the very end stands for itself', () => {
  assert.equal(splitWords('a\\'), ['a\\']);
});

test('what quoteWord writes is read back the same', () => {
  for (const word of ['/plain', '/with blank', '\\', 'tab\there', '#label', 'a\\ b']) {
    assert.equal(splitWords(quoteWord(word) as string), [word]);
  }
});

test('a word with a line end, and one without characters, cannot be quoted', () => {
  assert.is(quoteWord('a\nb'), undefined);
  assert.is(quoteWord(''), undefined);
});

test('the length may be left to the devices', () => {
  const [line] = parseTable('0 * linear /dev/ram0 0');
  assert.is(line.isWholeDevice, true);
  assert.is(line.lengthSectors, 0);
});

test('a start that is no number names line, word and what was expected', () => {
  const error = tableError(() => parseTable('0 8 zero\nx 8 zero'));
  assert.is(error.kernelText, 'Invalid format on line 2 of table');
  assert.equal(error.place, { line: 2, word: 0 });
  assert.match(error.message, /expected a start sector \(a whole number\), got "x"/);
});

test('a line without a target says so', () => {
  assert.match(tableError(() => parseTable('0 8')).message, /expected the name of a target, found the end of the line/);
  assert.match(tableError(() => parseTable('0')).message, /expected a length in sectors, found the end of the line/);
});

test('a fraction gets the text that the kernel gives', () => {
  const error = tableError(() => parseTable('0 1.5 zero'));
  assert.is(error.kernelText, '.5: unknown target type');
  assert.match(error.message, /expected a length in sectors \(a whole number\), got "1.5"/);
});

test('a negative length gets the text that the kernel gives', () => {
  assert.is(tableError(() => parseTable('0 -8 zero')).kernelText, 'too large device');
});

test.run();
