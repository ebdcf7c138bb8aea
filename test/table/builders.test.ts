import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RqdmError } from '../../bindings/errors.ts';
import { error, linear, multipath, passthrough } from '../../bindings/table/builders.ts';
import { parseTable } from '../../bindings/table/parse.ts';
import { printLine, printTable } from '../../bindings/table/print.ts';

const test = suite('table/builders');

test('linear, passthrough and error make the lines that one would write', () => {
  assert.is(linear({ device: '/dev/ram0', length: 2048, offset: 16 }), '0 2048 linear /dev/ram0 16');
  assert.is(passthrough({ device: 'mem:a', start: 8, length: 8 }), '8 8 passthrough mem:a 0');
  assert.is(error({ length: 100 }), '0 100 error');
});

test('without a length the devices decide it', () => {
  assert.is(linear({ device: '/dev/ram0' }), '0 * linear /dev/ram0 0');
});

test('multipath counts its words itself', () => {
  const line = multipath({
    length: 64,
    features: { queueIfNoPath: true, queueMode: 'bio', pgInitRetries: 3 },
    groups: [
      {
        selector: 'service-time',
        paths: [
          { device: '/x#a', args: [1, 2] },
          { device: '/x#b', args: [1, 1] },
        ],
      },
      { selector: 'round-robin', paths: ['/y'] },
    ],
    initialGroup: 2,
  });
  assert.is(
    line,
    '0 64 multipath 5 queue_if_no_path pg_init_retries 3 queue_mode bio 0 2 2 service-time 0 2 2 /x#a 1 2 /x#b 1 1 round-robin 0 1 0 /y',
  );
});

test('a hardware handler is counted with its words', () => {
  const line = multipath({ length: 8, handler: ['alua', 1], groups: [{ paths: ['/y'] }] });
  assert.is(line, '0 8 multipath 0 2 alua 1 1 1 service-time 0 1 0 /y');
});

test('a multipath without groups has initial group 0', () => {
  assert.is(multipath({ length: 8, groups: [] }), '0 8 multipath 0 0 0 0');
});

test('a device word with blanks survives', () => {
  const [line] = parseTable(linear({ device: '/data/my disk\\1.img', length: 8 }));
  assert.equal(line.words, ['/data/my disk\\1.img', '0']);
});

test('paths of a group with different numbers of arguments are refused', () => {
  assert.throws(
    () => multipath({ groups: [{ paths: [{ device: 'a', args: [1] }, 'b'] }] }),
    (thrown: unknown) => {
      return (
        thrown instanceof RqdmError &&
        thrown.code === 'ERR_RQDM_TABLE' &&
        thrown.message.includes('path b has 0 selector arguments')
      );
    },
  );
});

test('a printed line has a blank after the target, also with nothing behind it', () => {
  const line = { startSector: 0, lengthSectors: 100, target: 'error', text: '' };
  assert.is(printLine(line), '0 100 error ');
  assert.is(printTable([line, line], 'e'), 'e: 0 100 error \ne: 0 100 error ');
});

test.run();
