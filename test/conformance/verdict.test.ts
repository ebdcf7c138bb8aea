// The judge itself: what it lets pass, and what not.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rooted } from './case-run.ts';
import { outOfScope } from './scope.ts';
import { judge } from './verdict.ts';

const test = suite('conformance: the judge');

test('a case passes when all lines are equal, and a difference is shown where it is', () => {
  assert.ok(judge('a', 'one\ntwo\n', 'one\ntwo').isGood);
  const { isGood, difference } = judge('a', 'one\ntwo\nthree\n', 'one\n2\nthree\n');
  assert.not.ok(isGood);
  assert.equal(difference, ['  one', '- two', '+ 2', '  three']);
  assert.not.ok(judge('a', 'one\n', 'one\none\n').isGood);
});

test('a trace passes with nine lines of ten, of each device in its order', () => {
  const lines = Array.from({ length: 10 }, (_, i) => `rq_issue: nullb${i % 2} R 4096 ${i} + 8 [iogen]`);
  const [first, ...rest] = lines;
  assert.ok(judge('trace-a', lines.join('\n'), rest.join('\n')).isGood);
  assert.not.ok(judge('trace-a', lines.join('\n'), rest.slice(1).join('\n')).isGood);
  assert.not.ok(judge('trace-a', lines.join('\n'), lines.toReversed().join('\n')).isGood);
  const byDevice = [...lines.filter((line) => line.includes('nullb1')), ...lines.filter((line) => line.includes('nullb0'))];
  assert.ok(judge('trace-a', lines.join('\n'), byDevice.join('\n')).isGood);
  assert.not.ok(judge('a', lines.join('\n'), rest.join('\n')).isGood, String(first));
});

test('lines that nobody expected count against a trace', () => {
  assert.not.ok(judge('trace-a', 'one\ntwo\n', 'one\ntwo\nthree\nfour\n').isGood);
});

test('who ran the code does not count, what was run does', () => {
  assert.ok(judge('a', 'rq_issue: m R 4096 0 + 8 [kworker]', 'rq_issue: m R 4096 0 + 8 [iogen]').isGood);
  assert.not.ok(judge('a', 'rq_issue: m R 4096 0 + 8 [kworker]', 'rq_issue: m R 4096 8 + 8 [iogen]').isGood);
});

test('a case is out of scope by what its script uses, not by what it speaks of', () => {
  assert.is(outOfScope('run "dmsetup create a --table \'0 8 zero\'"'), undefined);
  assert.match(outOfScope('run "mkfs.ext4 -q /dev/mapper/m && mount /dev/mapper/m /mnt"') ?? '', /mounts/);
  assert.is(outOfScope('# mount it by hand\necho mount'), undefined);
  assert.match(outOfScope('run "timeout -k 1 2 sg_inq /dev/mapper/m"') ?? '', /SCSI/);
  assert.is(outOfScope('modprobe dm-multipath'), undefined);
  assert.match(outOfScope('run "modprobe dm-crypt; true"') ?? '', /dm-crypt/);
});

test('places of the machine are moved, those of every process are not', () => {
  assert.is(rooted('cat /sys/block/dm-0/size > /tmp/x 2>/dev/null', '/r'), 'cat /r/sys/block/dm-0/size > /r/tmp/x 2>/dev/null');
  assert.is(rooted('dd if=/dev/zero of=/dev/mapper/a', '/r'), 'dd if=/dev/zero of=/r/dev/mapper/a');
  assert.is(rooted('. /lib/dm.sh; exec 7</dev/ram0', '/r'), '. /r/lib/dm.sh; exec 7</r/dev/ram0');
  assert.is(rooted("sed 's/a\\/dev\\/b/c/' $D/dev/x a/tmp/b", '/r'), "sed 's/a\\/dev\\/b/c/' $D/dev/x a/tmp/b");
});

test.run();
