import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  OPERATION_READ,
  OPERATION_WRITE,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_NOSPC,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import { RqdmError } from '../../bindings/errors.ts';
import { isBackingWord, parseBackingWord, relativeFileHint } from '../../bindings/path/word.ts';

const test = suite('path: words');

const nothing = (): boolean => false;
const only =
  (...names: string[]) =>
  (name: string): boolean =>
    names.includes(name);

test('backing words are told from names of devices', () => {
  for (const word of ['/a', './a', '../a', 'file:/a', 'file:a', 'mem:x?size=1M', 'null:1M', 'sim:x?size=1M', '/dev/sda'])
    assert.ok(isBackingWord(word), word);
  for (const word of ['a', '8:0', '/dev/mapper/a', 'disk.img', '', 'nbd://h/x']) assert.not(isBackingWord(word), word);
});

test('a word is read into kind, name, label and options', () => {
  const parsed = parseBackingWord(
    'file:/a/b.img?direct=1&depth=7&ro=1&max_sectors=8&max_segments=2&block=4096&mode=auto&queue=bio#left',
    nothing,
  );
  assert.is(parsed.kind, 'file');
  assert.is(parsed.name, '/a/b.img');
  assert.is(parsed.label, 'left');
  assert.ok(parsed.isDirect && parsed.isReadOnly);
  assert.equal(
    [parsed.depth, parsed.maxSectors, parsed.maxSegments, parsed.blockBytes, parsed.mode, parsed.queue],
    [7, 8, 2, 4096, 'auto', 'bio'],
  );
});

test('sizes take binary suffixes', () => {
  for (const [text, bytes] of [
    ['64M', 64 * 2 ** 20],
    ['1G', 2 ** 30],
    ['2T', 2 ** 41],
    ['4K', 4096],
    ['512', 512],
  ] as const) {
    assert.is(parseBackingWord(`null:${text}`, nothing).sizeBytes, bytes);
    assert.is(parseBackingWord(`mem:a?size=${text}`, nothing).sizeBytes, bytes);
  }
});

test('a delay has a fixed part and one for each KiB or MiB', () => {
  assert.equal(parseBackingWord('null:1M?delay=200us+2us/KiB', nothing).delay, { fixedMs: 0.2, byteMs: 0.002 / 1024 });
  assert.equal(parseBackingWord('null:1M?delay=4ms', nothing).delay, { fixedMs: 4, byteMs: 0 });
  assert.equal(parseBackingWord('null:1M?delay=1ms/MiB', nothing).delay, { fixedMs: 0, byteMs: 1 / 2 ** 20 });
});

test('a simulated device has a service, servers, a seed, and may keep nothing', () => {
  const parsed = parseBackingWord('sim:a?size=1M&service=1ms&servers=4&seed=9&data=0#left', nothing);
  assert.equal([parsed.kind, parsed.name, parsed.label, parsed.sizeBytes], ['simulated', 'a', 'left', 2 ** 20]);
  assert.equal([parsed.service, parsed.servers, parsed.seed, parsed.keepsData], [{ fixedMs: 1, byteMs: 0 }, 4, 9, false]);
});

test('chance has a seed and a rate, and says what of', () => {
  const parsed = parseBackingWord('null:1M?flaky=7:5‰:transport,io&tear=8/3&hang=cable', nothing);
  assert.equal(parsed.flaky, { seed: 7, rate: 0.005, statuses: [STATUS_TRANSPORT, STATUS_IOERR] });
  assert.equal([parsed.tear, parsed.hangName], [{ seed: 8, every: 3 }, 'cable']);
});

test('error rules name operation, status, frequency and place', () => {
  const everywhere = { every: 1, startSector: 0, endSector: Number.POSITIVE_INFINITY };
  const rules = (text: string): unknown => parseBackingWord(`null:1M?error=${text}`, nothing).errors;
  assert.equal(rules('io'), [{ operation: undefined, status: STATUS_IOERR, ...everywhere }]);
  assert.equal(rules('transport/1000'), [{ operation: undefined, status: STATUS_TRANSPORT, ...everywhere, every: 1000 }]);
  assert.equal(rules('read:medium@5,write:nospc@8+8'), [
    { operation: OPERATION_READ, status: STATUS_MEDIUM, every: 1, startSector: 5, endSector: 6 },
    { operation: OPERATION_WRITE, status: STATUS_NOSPC, every: 1, startSector: 8, endSector: 16 },
  ]);
});

test('a label is a label only if no file of that full name exists', () => {
  assert.is(parseBackingWord('/d/disk#a', nothing).label, 'a');
  const file = parseBackingWord('/d/disk#a', only('/d/disk#a'));
  assert.equal([file.name, file.label], ['/d/disk#a', undefined]);
  const both = parseBackingWord('/d/disk#a#b', only('/d/disk#a'));
  assert.equal([both.name, both.label], ['/d/disk#a', 'b']);
});

test('a question mark belongs to the name when such a file exists or no known option follows', () => {
  assert.is(parseBackingWord('/d/what?', nothing).name, '/d/what?');
  assert.is(parseBackingWord('/d/a?b=c', nothing).name, '/d/a?b=c');
  assert.is(parseBackingWord('/d/a?direct=1', only('/d/a?direct=1')).name, '/d/a?direct=1');
  const second = parseBackingWord('/d/a?b?ro=1', nothing);
  assert.equal([second.name, second.isReadOnly], ['/d/a?b', true]);
  assert.is(parseBackingWord('/d/a?direct=1#x', only('/d/a?direct=1')).label, 'x');
});

const BAD: readonly (readonly [word: string, ...parts: string[]])[] = [
  ['disk', 'disk: not a backing path', 'expected /some/file'],
  ['file:', 'file:', 'no name of a file'],
  ['file://host/x', 'no host'],
  ['/a?direct=2', "option 'direct=2'", 'expected 0 or 1'],
  ['/a?direct=1&bogus=1', "option 'bogus' is unknown", 'direct', 'depth'],
  ['file:/a?bogus=1', "option 'bogus' is unknown", 'max_sectors'],
  ['/a?depth=0', 'expected a number 1 … 1024'],
  ['/a?depth=1025', 'expected a number 1 … 1024'],
  ['/a?depth=1&depth=2', 'twice'],
  ['/a?queue=tree', 'expected request or bio'],
  ['/a?mode=fast', 'expected worker, inline or auto'],
  ['/a?block=1024', 'expected 512 or 4096'],
  ['/a?delay=5', "option 'delay=5'", '200us+2us/KiB'],
  ['/a?error=explode', "option 'error=explode'", 'medium', '[/N]'],
  ['/a?error=io/0', "option 'error=io/0'"],
  ['/a?serial=x', "'delay' is missing"],
  ['/a?size=1M', "option 'size' is for mem"],
  ['mem:?size=1M', 'cannot name a memory'],
  ['mem:a?size=1000', "option 'size=1000'", 'multiple of 512'],
  ['mem:a?direct=1&size=1M', "option 'direct' is for files"],
  ['null:', "size ''", '64M'],
  ['null:64X', "size '64X'"],
  ['null:1M?size=1M', "option 'size'"],
  ['null:1M?serial=a/b&delay=1us', 'expected a name of letters'],
];

test('a bad word is refused with the word, the option and what was expected', () => {
  for (const [word, ...parts] of BAD) {
    assert.throws(
      () => parseBackingWord(word, nothing),
      (error: unknown) => {
        assert.instance(error, RqdmError);
        assert.is((error as RqdmError).code, 'ERR_RQDM_WORD', word);
        for (const part of [word, ...parts])
          assert.ok((error as Error).message.includes(part), `${(error as Error).message} lacks ${part}`);
        return true;
      },
    );
  }
});

test('a relative name that is also a file gets a hint', () => {
  assert.is(relativeFileHint('disk.img', only('disk.img')), 'did you mean ./disk.img?');
  assert.is(relativeFileHint('disk.img?direct=1', only('disk.img')), 'did you mean ./disk.img?direct=1?');
  assert.is(relativeFileHint('disk.img', nothing), undefined);
  assert.is(relativeFileHint('./disk.img', only('./disk.img')), undefined);
});

test.run();
