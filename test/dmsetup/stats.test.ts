// `dmsetup stats`, over a kernel that knows two regions. What is expected was taken down from the original, run over the
// same answers.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlError, type DeviceInformation } from '../../src/control/protocol.ts';
import type { Kernel } from '../../src/dmsetup/call.ts';
import { dmsetup } from '../../src/dmsetup/dmsetup.ts';

const INFO: DeviceInformation = {
  name: 'low',
  uuid: '',
  major: 253,
  minor: 0,
  isSuspended: false,
  isReadOnly: false,
  isDeferredRemove: false,
  hasLiveTable: true,
  hasInactiveTable: false,
  openCount: 0,
  eventNumber: 0,
  targetCount: 2,
  readAheadSectors: 256,
  sizeSectors: 4096,
};
const TARGETS = [
  { start: '0', length: '2048', type: 'linear', text: '' },
  { start: '2048', length: '2048', type: 'zero', text: '' },
];
const AREAS = '0+2048 10 0 80 20 5 0 40 30 0 100 50 20 30\n2048+2048 0 0 0 0 0 0 0 0 0 0 0 0 0\n';
const ONE_AREA = '0+4096 10 1 80 20 5 2 40 30 0 100 50 20 30 1:2:12\n';

/** Notes the messages that it gets. */
class StatsKernel implements Kernel {
  readonly messages: string[] = [];

  async request<T>(op: string, fields: Record<string, unknown> = {}): Promise<T> {
    const { name } = (fields['device'] ?? {}) as { name?: string };
    if (name !== undefined && name !== 'low') throw new ControlError('ENXIO', 'no such device');
    if (op === 'list') return { devices: [INFO] } as T;
    if (op === 'info') return INFO as T;
    if (op === 'table') return { info: INFO, targets: TARGETS } as T;
    if (op !== 'message') throw new ControlError('ENOTTY', op);
    const message = fields['message'] as string;
    this.messages.push(message);
    return { text: this.#answer(message) } as T;
  }

  #answer(message: string): string | null {
    if (message.startsWith('@stats_create')) return '3';
    if (message.startsWith('@stats_list')) {
      return '0: 0+4096 2048 dmstats -\n1: 0+4096 4096 dmstats foo histogram:10,20\n';
    }
    if (message.startsWith('@stats_print')) return message.endsWith(' 0') ? AREAS : ONE_AREA;
    return null;
  }

  close(): void {}
}

async function run(
  line: string,
  kernel: Kernel = new StatsKernel(),
): Promise<{ status: number; output: string; errors: string }> {
  let [output, errors] = ['', ''];
  const status = await dmsetup(
    line.split(' '),
    {
      print: (text) => {
        output += text;
      },
      show: () => {},
      complain: (text) => {
        errors += `${text}\n`;
      },
      readStandardInput: async () => '',
      readFile: async () => '',
      connect: async () => kernel,
      columns: undefined,
      env: {},
    },
    'dmstats',
  );
  return { status, output, errors };
}

test('regions and areas are listed', async () => {
  assert.is(
    (await run('list low')).output,
    `Name             GrpID RgID ObjType RgStart RgSize #Areas ArSize ProgID 
low                  -    0 region        0  2.00m      2  1.00m dmstats
low                  -    1 region        0  2.00m      1  2.00m dmstats
`,
  );
  assert.is(
    (await run('list -v')).output,
    `Name             GrpID RgID ObjType RgStart RgSize #Areas ArID ArStart ArSize ProgID 
low                  -    0 area          0  2.00m      2    0       0  1.00m dmstats
low                  -    0 area          0  2.00m      2    1   1.00m  1.00m dmstats
low                  -    1 area          0  2.00m      1    0       0  2.00m dmstats
low                  -    0 region        0  2.00m      2    0      0b  1.00m dmstats
`,
  );
  assert.is((await run('list --noheadings -S region_id=1 --units s low')).output, 'low:-:1:region:0:4096:1:4096:dmstats\n');
});

test('figures a second come from counters, and those of a region from all its areas', async () => {
  const kernel = new StatsKernel();
  assert.is(
    (await run('report -S region_id=0 low', kernel)).output,
    `Name             GrpID RgID ObjType ArID ArStart ArSize RMrg/s WMrg/s R/s   W/s  RSz/s  WSz/s  AvgRqSz QSize Util% AWait RdAWait WrAWait
low                  -    0 area       0       0  1.00m   0.00   0.00 10.00 5.00 40.00k 20.00k   4.00k  0.05 10.00  3.33    2.00    6.00
low                  -    0 area       1   1.00m  1.00m   0.00   0.00  0.00 0.00      0      0       0  0.00  0.00  0.00    0.00    0.00
low                  -    0 region     0      0b  1.00m   0.00   0.00 10.00 5.00 40.00k 20.00k   4.00k  0.05 10.00  3.33    2.00    6.00
`,
  );
  assert.equal(kernel.messages, ['@stats_list dmstats', '@stats_print_clear 0', '@stats_print_clear 1']);
  const merges = '--noheadings -o reads_merged_per_sec,writes_merged_per_sec -S region_id=1 low';
  assert.is((await run(`report ${merges}`)).output, '1.00:2.00\n', 'merges are shown, which the original leaves at 0.00');
});

test('histograms are shown with counts, shares and bounds', async () => {
  const fields = 'hist_count,hist_percent,hist_count_bounds,hist_bins,hist_bounds';
  assert.is(
    (await run(`report --noheadings --separator | -o ${fields} -S region_id=1 low`)).output,
    '1,2,12|6.67%,13.33%,80.00%|0: 1, 10: 2, 20: 12|3|10,20\n',
  );
});

test('a report of devices shows their areas where fields of statistics are asked for', async () => {
  const output = await run('list --noheadings -o name,region_id,area_count low');
  assert.is(output.output, 'low:0:2\nlow:1:1\n');
});

test('what is printed is what the kernel says', async () => {
  assert.is((await run('print --allregions low')).output, AREAS + ONE_AREA);
  const kernel = new StatsKernel();
  await run('print --clear --regionid 1 low', kernel);
  assert.equal(kernel.messages.at(-1), '@stats_print_clear 1');
});

test('regions are made with what was asked', async () => {
  const made = async (line: string): Promise<string[]> => {
    const kernel = new StatsKernel();
    const { status, output } = await run(`create ${line}`, kernel);
    assert.is(status, 0);
    return [...kernel.messages, output];
  };
  const said = (areas: number): string => `low: Created new region with ${areas} area(s) as region ID 3\n`;
  assert.equal(await made('low'), ['@stats_create 0+4096 /1 dmstats', said(1)]);
  assert.equal(await made('--areas 2 low'), ['@stats_create 0+4096 /2 dmstats', said(2)]);
  assert.equal(await made('--areasize 1m low'), ['@stats_create 0+4096 2048 dmstats', said(2)]);
  assert.equal(await made('--start 8 --length 16s low'), ['@stats_create 8+16 /1 dmstats', said(1)]);
  assert.equal(await made('--precise --bounds 10ms,20 --programid me --userdata x --alldevices'), [
    '@stats_create 0+4096 /1 2 precise_timestamps histogram:10,20 me x',
    said(1),
  ]);
  assert.equal(await made('--segments low'), [
    '@stats_create 0+2048 /1 dmstats',
    '@stats_create 2048+2048 /1 dmstats',
    said(1) + said(1),
  ]);
});

test('mistakes are told as the original tells them', async () => {
  const cases: [string, string][] = [
    ['delete --regionid 7 low', 'Region ID 7 does not exist\nCould not delete statistics region\n'],
    [
      'delete --regionid 0 nosuch',
      'device-mapper: message ioctl on nosuch  failed: No such device or address\nCould not obtain region list while deleting region ID 0\nCould not delete statistics region\n',
    ],
    ['clear --regionid 7 low', 'No such region: 7.\n'],
    ['list nosuch', 'Device does not exist.\n'],
    ['create nosuch', 'device-mapper: table ioctl on nosuch  failed: No such device or address\n'],
    ['create --areasize x low', 'Invalid areasize argument: "x"\n'],
    ['delete --allregions', 'Please specify device(s) or use --alldevices.\n'],
    ['delete --regionid 0 --groupid 0 low', 'Please use one of --regionid and --groupid.\n'],
  ];
  for (const [line, text] of cases) {
    assert.equal(await run(line), { status: 1, output: '', errors: `${text}Command failed.\n` }, line);
  }
  assert.equal(await run('list --units x low'), { status: 1, output: '', errors: 'Invalid --units argument.\n' });
  assert.is(
    (await run('report --interval 0.2 low')).errors,
    "Interval must be a positive integer.\nCouldn't process command line.\n",
  );
});

test('regions are deleted and cleared one by one', async () => {
  const kernel = new StatsKernel();
  await run('delete --allregions --alldevices', kernel);
  await run('clear --regionid 1', kernel);
  assert.equal(kernel.messages, [
    '@stats_list dmstats',
    '@stats_delete 0',
    '@stats_delete 1',
    '@stats_list dmstats',
    '@stats_clear 1',
  ]);
});

test.run();
