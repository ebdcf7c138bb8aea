// The contract of targets, applied to those that come with the library. (Multipath has suites of its own.)

import { suite } from 'uvu';
import { delayTarget } from '../../bindings/target/delay/delay.ts';
import { dustTarget } from '../../bindings/target/dust/dust.ts';
import { errorTarget } from '../../bindings/target/error.ts';
import { flakeyTarget } from '../../bindings/target/flakey/flakey.ts';
import { linearTarget } from '../../bindings/target/linear.ts';
import { passthroughTarget } from '../../bindings/target/passthrough/passthrough.ts';
import { stripedTarget } from '../../bindings/target/striped.ts';
import { switchTarget } from '../../bindings/target/switch/switch.ts';
import { unstripedTarget } from '../../bindings/target/unstriped.ts';
import { zeroTarget } from '../../bindings/target/zero.ts';
import { targetContract } from '../contract/target.ts';

const test = suite('target/contract');

targetContract(test, {
  type: linearTarget,
  line: '64 512 linear /dev/loop0 128',
  badLines: [['0 8 linear /dev/loop9 0', 'Device lookup failed']],
});

targetContract(test, {
  type: stripedTarget,
  line: '64 512 striped 2 16 /dev/loop0 16 /dev/loop1 0',
  lines: ['0 60 striped 2 10 /dev/loop0 0 /dev/loop0 0', '0 8 striped 1 8 /dev/loop1 5'],
  badLines: [
    ['0 8 striped 2', 'Not enough arguments'],
    ['0 8 striped 2 4 /dev/loop0 0 /dev/loop9 0', "Couldn't parse stripe destination"],
  ],
});

targetContract(test, { type: zeroTarget, line: '64 512 zero', badLines: [['0 8 zero 1', 'No arguments required']] });

targetContract(test, { type: errorTarget, line: '0 512 error', lines: ['8 8 error 1 2 3'] });

targetContract(test, {
  type: passthroughTarget,
  line: '64 512 passthrough /dev/loop0 16',
  badLines: [['0 8 passthrough /dev/loop0', 'Invalid argument count']],
  messages: ['reset_errors'],
});

targetContract(test, {
  type: delayTarget,
  line: '64 512 delay /dev/loop0 16 100 /dev/loop1 32 300 /dev/loop2 0 0',
  lines: ['0 8 delay /dev/loop0 0 5', '0 8 delay /dev/loop0 0 0 /dev/loop0 8 4294967295'],
  badLines: [
    ['0 8 delay', 'Requires exactly 3, 6 or 9 arguments'],
    ['0 8 delay /dev/loop0 0', 'Requires exactly 3, 6 or 9 arguments'],
    ['0 8 delay /dev/loop0 0 1 /dev/loop0', 'Requires exactly 3, 6 or 9 arguments'],
    ['0 8 delay /dev/loop0 0 1 /dev/loop0 0 1 /dev/loop0 0 1 1', 'Requires exactly 3, 6 or 9 arguments'],
    ['0 8 delay /dev/loop0 x 1', 'Invalid device sector'],
    ['0 8 delay /dev/loop0 0 x', 'Invalid delay'],
    ['0 8 delay /dev/loop0 0 4294967296', 'Invalid delay'],
    ['0 8 delay /dev/loop9 0 1', 'Device lookup failed'],
    ['0 8 delay /dev/loop0 0 1 /dev/loop0 0 -1', 'Invalid delay'],
    ['0 8 delay /dev/loop9 0 1 /dev/loop0 x 1', 'Device lookup failed'],
  ],
});

targetContract(test, {
  type: flakeyTarget,
  line: '64 512 flakey /dev/loop0 16 1 1',
  lines: [
    '64 512 flakey /dev/loop0 16 0 100 1 drop_writes',
    '64 512 flakey /dev/loop0 16 1 1 1 ERROR_WRITES',
    '64 512 flakey /dev/loop0 16 1 1 5 corrupt_bio_byte 513 w 255 16',
    '64 512 flakey /dev/loop0 16 0 1 6 drop_writes corrupt_bio_byte 1 r 0 0',
    '64 512 flakey /dev/loop0 16 0 1 3 error_reads random_write_corrupt 500000000',
    '64 512 flakey /dev/loop0 16 1 2 4 random_read_corrupt 1000000000 random_write_corrupt 0',
  ],
  badLines: [
    ['0 8 flakey /dev/loop0 x 1 1', 'Invalid device sector'],
    ['0 8 flakey /dev/loop0 0 x 1', 'Invalid up interval'],
    ['0 8 flakey /dev/loop0 0 1 1 12 a b c d e f g h i j k l', 'Invalid number of feature args'],
    ['0 8 flakey /dev/loop0 0 1 1 2 error_writes error_writes', 'Feature error_writes duplicated'],
    [
      '0 8 flakey /dev/loop0 0 1 1 6 error_writes corrupt_bio_byte 1 w 1 0',
      'error_writes is incompatible with corrupt_bio_byte with the WRITE flag set',
    ],
    ['0 8 flakey /dev/loop0 0 1 1 2 random_read_corrupt 1000000001', 'Invalid random corrupt argument'],
    ['0 8 flakey /dev/loop9 0 1 1', 'Device lookup failed'],
  ],
});

targetContract(test, {
  type: dustTarget,
  line: '64 512 dust /dev/loop0 16 4096',
  lines: ['0 1 dust /dev/loop0 0 512'],
  badLines: [
    ['0 8 dust /dev/loop0 0', 'Invalid argument count'],
    ['0 8 dust /dev/loop0 0 512 1', 'Invalid argument count'],
    ['0 8 dust /dev/loop0 0 x', 'Invalid block size parameter'],
    ['0 8 dust /dev/loop0 0 256', 'Block size must be at least 512'],
    ['0 8 dust /dev/loop0 0 1536', 'Block size must be a power of 2'],
    ['0 8 dust /dev/loop0 0 8192', 'Block size is too large'],
    ['0 8 dust /dev/loop0 x 512', 'Invalid device offset sector'],
    ['0 8 dust /dev/loop9 0 512', 'Device lookup failed'],
  ],
  messages: [
    'ADDBADBLOCK 3',
    'addbadblock 4 2',
    'enable',
    'addbadblock 5 1',
    'countbadblocks',
    'listbadblocks',
    'queryblock 3',
    'removebadblock 3',
    'disable',
    'quiet',
    'clearbadblocks',
    'quiet',
  ],
});

targetContract(test, {
  type: unstripedTarget,
  line: '64 512 unstriped 3 16 1 /dev/loop0 8',
  lines: ['0 8 unstriped 1 8 0 /dev/loop0 0'],
  badLines: [
    ['0 8 unstriped 1 8 0 /dev/loop0', 'Invalid number of arguments'],
    ['0 8 unstriped 0 8 0 /dev/loop0 0', 'Invalid stripe count'],
    ['0 8 unstriped 2 0 0 /dev/loop0 0', 'Invalid chunk_size'],
    ['0 8 unstriped 2 8 x /dev/loop0 0', 'Invalid stripe number'],
    ['0 8 unstriped 2 8 2 /dev/loop0 0', 'Please provide stripe between [0, # of stripes]'],
    ['0 8 unstriped 2 8 1 /dev/loop0 x', 'Invalid striped device offset'],
    ['0 9 unstriped 2 8 1 /dev/loop0 0', 'Target length not divisible by chunk size'],
    ['0 8 unstriped 2 8 1 /dev/loop9 0', "Couldn't get striped device"],
  ],
});

targetContract(test, {
  type: switchTarget,
  line: '64 512 switch 3 32 0 /dev/loop0 0 /dev/loop1 8 /dev/loop2 16',
  lines: ['0 9 switch 1 8 0 /dev/loop0 0', '0 8 switch 2 4294967295 0 /dev/loop1 0 /dev/loop1 0'],
  badLines: [
    ['0 8 switch', 'Invalid path count'],
    ['0 8 switch 0 8 0', 'Invalid path count'],
    ['0 8 switch 65535 8 0', 'Invalid path count'],
    ['0 8 switch 1 0 0 /dev/loop0 0', 'Invalid region size'],
    ['0 8 switch 1 8 1 x /dev/loop0 0', 'Invalid number of optional args'],
    ['0 8 switch 2 8 0 /dev/loop0 0', 'Incorrect number of path arguments'],
    ['0 8 switch 1 8 0 /dev/loop9 0', 'Device lookup failed'],
    ['0 8 switch 1 8 0 /dev/loop0 x', 'Invalid device starting offset'],
    ['0 9007199254740991 switch 1 1 0 /dev/loop0 0', 'Region table too large'],
  ],
  messages: ['set_region_mappings 0:1 :2 R2,4', 'SET_REGION_MAPPINGS f:0'],
});

test.run();
