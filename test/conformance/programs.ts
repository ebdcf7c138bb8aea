// The programs and helpers that a script calls on its machine.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasFailed, resultText } from '../../src/command/io.ts';
import { ControlClient } from '../../src/control/client.ts';
import type { BlockAttributesReply, ControlError, IoReply } from '../../src/control/protocol.ts';
import { dmsetup } from '../../src/dmsetup/dmsetup.ts';
import { dd } from './dd.ts';
import type { Machine } from './machine.ts';
import type { Asked } from './shell-server.ts';

const READ_BYTES = 4096;

const SETTLE_MS = 150;

type Program = (machine: Machine, asked: Asked) => Promise<number>;

async function devicesOf(machine: Machine): Promise<BlockAttributesReply['devices']> {
  return (await machine.client.request<BlockAttributesReply>('block_attributes')).devices;
}

type Known = BlockAttributesReply['devices'][number];

/** The device of a node such as /dev/ram0, /dev/dm-0 or /dev/mapper/a. */
async function deviceOf(machine: Machine, node: string): Promise<Known | undefined> {
  const devices = await devicesOf(machine);
  return devices.find(({ blockName, mappedName }) => node === `/dev/${blockName}` || node === `/dev/mapper/${mappedName}`);
}

// ---- the server's own programs ------------------------------------------------------------------------------------------

async function runDmsetup(machine: Machine, asked: Asked): Promise<number> {
  const kept: string[] = [];
  const clients: ControlClient[] = [];
  asked.signal.addEventListener('abort', () => {
    for (const client of clients) client.close();
  });
  const status = await dmsetup(
    asked.words,
    {
      print: (text) => void kept.push(text),
      show: () => asked.print(kept.splice(0).join('')),
      complain: (line) => asked.complain(`${line}\n`),
      readStandardInput: async () => machine.inside(await asked.readStandardInput()),
      readFile: async (name) => {
        const text = await readFile(name.startsWith('/tmp/') ? `${machine.root}${name}` : resolve(asked.folder, name), 'utf8');
        return machine.inside(text);
      },
      connect: async () => {
        const client = await ControlClient.open(machine.socketPath);
        clients.push(client);
        return client;
      },
      columns: undefined,
      env: { LC_ALL: 'C', ...(asked.mangling === '' ? {} : { DM_DEFAULT_NAME_MANGLING_MODE: asked.mangling }) },
    },
    asked.program,
  );
  asked.print(kept.join(''));
  return status;
}

const CLASSES = ['', 'realtime', 'best-effort', 'idle'];

/** iogen is `rqdm io` under another name, and its complaints. */
async function iogen(machine: Machine, asked: Asked): Promise<number> {
  const flags = asked.words.filter((word) => /^-[Boqt]+$/.test(word)).join('');
  const [node = '', ...words] = asked.words.filter((word) => !/^-[Boqt]+$/.test(word));
  const [priorityClass, level = '4'] = asked.priority.split(':');
  const priority = CLASSES[Number(priorityClass)] ?? '';
  using client = await ControlClient.open(machine.socketPath);
  using _running = machine.runs();
  asked.signal.addEventListener('abort', () => client.close());
  const options = {
    completionOrder: flags.includes('o'),
    quiet: flags.includes('q'),
    times: flags.includes('t'),
  };
  try {
    const { results } = await client.request<IoReply>('io', {
      node,
      words,
      buffered: flags.includes('B'),
      ...(priority === '' ? {} : { priority, level: Number(level) }),
      ...(asked.cpus === '' ? {} : { cpu: firstCpu(asked.cpus) }),
    });
    asked.print(resultText(results, options));
    return hasFailed(results) ? 1 : 0;
  } catch (error) {
    const { errno, message } = error as ControlError;
    asked.complain(errno === 'ENOENT' ? `open ${node}: No such file or directory\n` : `iogen: ${message}\n`);
    return 1;
  }
}

/** Of a mask in hexadecimal, or of a list. */
function firstCpu(cpus: string): number {
  const list = /^list:(\d+)/.exec(cpus)?.[1];
  if (list !== undefined) return Number(list);
  const mask = Number.parseInt(cpus, 16);
  return mask > 0 ? Math.log2(mask & -mask) : 0;
}

// ---- the block trace --------------------------------------------------------------------------------------------------

const traceOn: Program = async (machine, asked) => {
  await machine.trace.start(asked.words);
  return 0;
};

const traceOff: Program = async (machine, asked) => {
  asked.print(await machine.trace.stop(asked.words.includes('timed')));
  return 0;
};

// ---- helpers of the prelude ----------------------------------------------------------------------------------------------

const sync: Program = async (machine) => {
  await machine.keepInStep();
  return 0;
};

const kmsg: Program = async (machine, asked) => {
  // what the last command has set off under I/O that runs beside it
  if (machine.running > 0) await sleep(SETTLE_MS);
  await machine.readKernelLog();
  asked.print(
    machine.kernelLines
      .splice(0)
      .map((line) => `kmsg: ${line}\n`)
      .join(''),
  );
  return 0;
};

const clearKmsg: Program = async (machine) => {
  await machine.readKernelLog();
  machine.kernelLines = [];
  return 0;
};

const wrote: Program = async (machine, asked) => {
  const refusal = await machine.wrote(asked.pid, asked.words[1] ?? '1');
  if (refusal === undefined) return 0;
  asked.complain(`bash: ${asked.words[0]}: write error: ${refusal}\n`);
  return 1;
};

const nullBlock: Program = async (machine, asked) => {
  const [name = '', ...values] = asked.words;
  for (const refused of await machine.nullBlocks.make(name, values)) asked.print(`nullb: cannot set ${refused}\n`);
  await machine.tree.show();
  return 0;
};

const removeNullBlock: Program = async (machine, asked) => {
  await machine.nullBlocks.remove(asked.words[0] ?? '');
  await machine.tree.show();
  return 0;
};

const numberOf: Program = async (machine, asked) => {
  const [node = ''] = asked.words;
  const device = await deviceOf(machine, node);
  if (device === undefined) {
    for (let i = 0; i < 2; i++) asked.complain(`stat: cannot statx '${node}': No such file or directory\n`);
    asked.print('0:0\n');
    return 0;
  }
  asked.print(`${device.number}\n`);
  return 0;
};

const inFlight: Program = async (machine, asked) => {
  const [count, block] = asked.words;
  const device = (await devicesOf(machine)).find(({ blockName }) => blockName === block);
  const [reads = 0, writes = 0] = (device?.attributes['inflight'] ?? '').trim().split(/ +/).map(Number);
  return reads + writes >= Number(count) ? 0 : 1;
};

const nameNumbers: Program = async (machine, asked) => {
  let text = asked.words[0] ?? '';
  for (const { blockName, number, mappedName } of await devicesOf(machine)) {
    text = text.replace(new RegExp(`\\b${number.replace(':', '[:,]')}\\b`, 'g'), mappedName ?? blockName);
  }
  asked.print(`${text}\n`);
  return 0;
};

// ---- what else the recorded machine had ------------------------------------------------------------------------------------

const dmesg: Program = async (machine, asked) => {
  await machine.readKernelLog();
  const isCleared = asked.words.some((word) => ['-c', '--read-clear', '-C', '--clear'].includes(word));
  if (!asked.words.includes('-C') && !asked.words.includes('--clear')) {
    asked.print(machine.kernelLines.map((line) => `[    0.000000] ${line}\n`).join(''));
  }
  if (isCleared) machine.kernelLines = [];
  return 0;
};

/** What a RAM disk can do at a time; it has blocks of 4 KiB behind those of 512 bytes. */
const RAM_LIMITS = { maxSectors: 255, physicalBlockSectors: 8, maxDiscardSectors: 0, maxWriteZeroesSectors: 0 };

const modprobe: Program = async (machine, asked) => {
  const words = asked.words.filter((word) => !word.startsWith('-'));
  const [module = '', ...settings] = words;
  const given = new Map(settings.map((setting) => setting.split('=') as [string, string]));
  if (module === 'brd') {
    for (let i = 0; i < Number(given.get('rd_nr') ?? 16); i++) {
      const word = `mem:ram${i}?size=${given.get('rd_size') ?? 4096}K&queue=bio&physical=4096`;
      await machine.attach(`/dev/ram${i}`, word, `1:${i}`, RAM_LIMITS);
    }
  } else if (module === 'scsi_debug') {
    return scsiDebug(machine, { ...asked, words: ['1', ...settings] });
  }
  await machine.tree.show();
  return 0;
};

const LOOP_LIMITS = { maxSectors: 2560, maxDiscardSectors: 8_388_607, maxWriteZeroesSectors: 4_194_304 };

const losetup: Program = async (machine, asked) => {
  let words = [...asked.words];
  if (words[0] === '-d' || words[0] === '--detach') {
    for (const node of words.slice(1)) await machine.client.request('detach', { node });
    return 0;
  }
  const isReadOnly = words.includes('-r');
  const isShown = words.includes('--show');
  words = words.filter((word) => !['-r', '--show', '-f', '-fr', '--find'].includes(word));
  let [node, file] = words.length > 1 ? (words as [string, string]) : ['', words[0] ?? ''];
  const devices = await devicesOf(machine);
  for (let i = 0; node === ''; i++) if (!devices.some(({ blockName }) => blockName === `loop${i}`)) node = `/dev/loop${i}`;
  const minor = /(\d+)$/.exec(node)?.[1] ?? '0';
  file = `${machine.root}${resolve(machine.inside(asked.folder) || '/', file)}`;
  const word = `file:${file}?depth=128&mode=inline&discard=zeros&error=zeroes:notsupp${isReadOnly ? '&ro=1' : ''}`;
  await machine.attach(node, word, `7:${minor}`, LOOP_LIMITS);
  const block = node.slice('/dev/'.length);
  await machine.setAttribute(block, 'queue/scheduler', 'none');
  await machine.setAttribute(block, 'queue/nr_requests', '128');
  await machine.setAttribute(block, 'queue/kernel_plug_order', '1');
  if (isShown) asked.print(`${node}\n`);
  await machine.tree.show();
  return 0;
};

/** SCSI disks: logical units of one target, which share one store. */
async function scsiDebug(machine: Machine, asked: Asked): Promise<number> {
  const [count = '1', ...settings] = asked.words;
  const given = new Map(settings.map((setting) => setting.split('=') as [string, string]));
  const units = Math.max(Number(count), Number(given.get('max_luns') ?? 1) * Number(given.get('num_tgts') ?? 1));
  const ports: string[] = [];
  for (let i = 0; i < units; i++) {
    const name = `sd${String.fromCharCode(97 + i)}`;
    const block = given.get('sector_size') === '4096' ? 4096 : 512;
    const word = `mem:scsi?size=${given.get('dev_size_mb') ?? 8}M&block=${block}&io_opt=524288&switch=${name}#${name}`;
    await machine.attach(`/dev/${name}`, word, `8:${16 * i}`, { maxSectors: 1024 });
    ports.push(`/dev/${name}`);
  }
  // its disks know nothing of asymmetric access
  await machine.client.request('add_array', { ports, hasStates: false });
  await machine.tree.show();
  return 0;
}

const BLOCKDEV_FIELDS: Readonly<Record<string, (attribute: (name: string) => number) => number>> = {
  '--getss': (attribute) => attribute('queue/logical_block_size'),
  '--getbsz': () => 4096,
  '--getpbsz': (attribute) => attribute('queue/physical_block_size'),
  '--getiomin': (attribute) => attribute('queue/minimum_io_size'),
  '--getioopt': (attribute) => attribute('queue/optimal_io_size'),
  '--getalignoff': (attribute) => attribute('alignment_offset'),
  '--getro': (attribute) => attribute('ro'),
  '--getmaxsect': (attribute) => 2 * attribute('queue/max_sectors_kb'),
  '--getra': (attribute) => 2 * attribute('queue/read_ahead_kb'),
  '--getfra': (attribute) => 2 * attribute('queue/read_ahead_kb'),
  '--getdiscardzeroes': () => 0,
};

const blockdev: Program = async (machine, asked) => {
  const nodes = asked.words.filter((word) => !word.startsWith('-'));
  const questions = asked.words.filter((word) => word.startsWith('-'));
  for (const node of nodes) {
    const device = await deviceOf(machine, node);
    if (device === undefined) {
      asked.complain(`blockdev: cannot open ${node}: No such file or directory\n`);
      return 1;
    }
    for (const question of questions) {
      if (question === '--getsz' || question === '--getsize') {
        asked.print(`${device.attributes['size']}\n`);
        continue;
      }
      if (question === '--getsize64') {
        asked.print(`${BigInt(device.attributes['size'] ?? '0') * 512n}\n`);
        continue;
      }
      const field = BLOCKDEV_FIELDS[question];
      if (field !== undefined) asked.print(`${field((name) => Number(device.attributes[name]))}\n`);
    }
  }
  return 0;
};

const isNode =
  (machine: Machine) =>
  async (path: string): Promise<boolean> =>
    (await deviceOf(machine, path)) !== undefined;

/** dd, where a node takes part; the rest it does as well. */
const runDd: Program = (machine, asked) => dd(machine, asked, isNode(machine));

/** All of a node's bytes, as long as somebody reads them. */
const readNode: Program = async (machine, asked) => {
  const [node = ''] = asked.words;
  for (let position = 0; !asked.signal.aborted; position += READ_BYTES) {
    const { data } = await machine.client.request<{ data: string }>('read', { node, position, length: READ_BYTES });
    if (data === '') break;
    asked.print(Buffer.from(data, 'base64'));
  }
  return 0;
};

const nothing: Program = async () => 0;

export const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ['dmsetup', runDmsetup],
  ['dmstats', runDmsetup],
  ['iogen', iogen],
  ['sync', sync],
  ['kmsg', kmsg],
  ['clear-kmsg', clearKmsg],
  ['wrote', wrote],
  ['null-block', nullBlock],
  ['remove-null-block', removeNullBlock],
  ['scsi-debug', scsiDebug],
  ['number', numberOf],
  ['in-flight', inFlight],
  ['names', nameNumbers],
  ['trace-on', traceOn],
  ['trace-off', traceOff],
  ['dmesg', dmesg],
  ['modprobe', modprobe],
  ['rmmod', nothing],
  ['losetup', losetup],
  ['blockdev', blockdev],
  ['udevadm', nothing],
  ['lsmod', nothing],
  ['dd', runDd],
  ['read-node', readNode],
]);

/** Those that scripts call as programs. */
export const PROGRAM_NAMES: readonly string[] = [
  'dmsetup',
  'dmstats',
  'iogen',
  'dmesg',
  'modprobe',
  'rmmod',
  'losetup',
  'blockdev',
  'udevadm',
  'lsmod',
];
