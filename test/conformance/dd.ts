// dd with nodes of the recorded machine on one side or both. Data goes through the control socket.

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { ControlError } from '../../src/control/protocol.ts';
import type { Machine } from './machine.ts';
import type { Asked } from './shell-server.ts';

const SIZES: Readonly<Record<string, number>> = { '': 1, c: 1, w: 2, b: 512, k: 1024, K: 1024, M: 2 ** 20, G: 2 ** 30 };
const TEXTS: Readonly<Record<string, string>> = {
  EINVAL: 'Invalid argument',
  ENOSPC: 'No space left on device',
  EIO: 'Input/output error',
};

/** A request's line is no longer than so. */
const PIECE_BYTES = 512 * 1024;

interface Wanted {
  readonly from: string;
  readonly to: string;
  readonly block: number;
  readonly count: number;
  readonly skip: number;
  readonly seek: number;
  /** Each write is on stable storage before the next. */
  readonly isSynchronous: boolean;
  /** A flush at the end. */
  readonly isFlushed: boolean;
  readonly isDirect: boolean;
  readonly status: string;
}

function numberOf(text: string | undefined, otherwise: number): number {
  const [, digits, unit = ''] = /^(\d+)([cwbkKMG]?)/.exec(text ?? '') ?? [];
  return digits === undefined ? otherwise : Number(digits) * (SIZES[unit] as number);
}

function wantedOf(words: readonly string[]): Wanted {
  const given = new Map(words.map((word) => word.split(/=(.*)/s).slice(0, 2) as [string, string]));
  const flags = `${given.get('iflag') ?? ''},${given.get('oflag') ?? ''},${given.get('conv') ?? ''}`;
  return {
    from: given.get('if') ?? '',
    to: given.get('of') ?? '',
    block: numberOf(given.get('bs') ?? given.get('ibs') ?? given.get('obs'), 512),
    count: numberOf(given.get('count'), Number.POSITIVE_INFINITY),
    skip: numberOf(given.get('skip'), 0),
    seek: numberOf(given.get('seek'), 0),
    isSynchronous: /sync/.test(given.get('oflag') ?? ''),
    isFlushed: /sync/.test(given.get('conv') ?? ''),
    isDirect: /direct/.test(flags),
    status: given.get('status') ?? '',
  };
}

/** Bytes of a place, a block at a time. */
interface Source {
  read(position: number, length: number): Promise<Buffer>;
  close(): void;
}

/** As with O_DSYNC: a write with FUA where it is direct, and a flush behind it. */
async function writeToNode(
  machine: Machine,
  { to, isDirect, isSynchronous }: Wanted,
  position: number,
  data: Buffer,
): Promise<void> {
  for (let at = 0; at < data.length; at += PIECE_BYTES) {
    const piece = data.subarray(at, at + PIECE_BYTES);
    const fields = { node: to, position: position + at, data: piece.toString('base64') };
    await machine.client.request('write', { ...fields, direct: isDirect, fua: isSynchronous && isDirect });
  }
  if (isSynchronous) await machine.client.request('io', { node: to, words: ['f'] });
}

function nodeSource(machine: Machine, node: string, isDirect: boolean): Source {
  return {
    read: async (position, length) => {
      const { data } = await machine.client.request<{ data: string }>('read', { node, position, length, direct: isDirect });
      return Buffer.from(data, 'base64');
    },
    close: () => {},
  };
}

function fileSource(path: string): Source {
  const descriptor = openSync(path, 'r');
  return {
    read: async (position, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, length, position));
    },
    close: () => closeSync(descriptor),
  };
}

const ZERO: Source = { read: async (_, length) => Buffer.alloc(length), close: () => {} };

export async function dd(machine: Machine, asked: Asked, isNode: (path: string) => Promise<boolean>): Promise<number> {
  const wanted = wantedOf(asked.words);
  const rooted = (path: string): string => (/^\/(tmp|run|sys)\//.test(path) ? `${machine.root}${path}` : path);
  const missing = (path: string): number => {
    asked.complain(`dd: failed to open '${path}': No such file or directory\n`);
    return 1;
  };
  if (
    wanted.from.startsWith('/dev/') &&
    !/^\/dev\/(zero|null|urandom|fd\/.*)$/.test(wanted.from) &&
    !(await isNode(wanted.from))
  )
    return missing(wanted.from);
  if (wanted.to.startsWith('/dev/') && !/^\/dev\/(null|fd\/.*)$/.test(wanted.to) && !(await isNode(wanted.to)))
    return missing(wanted.to);
  const source =
    wanted.from === '/dev/zero'
      ? ZERO
      : (await isNode(wanted.from))
        ? nodeSource(machine, wanted.from, wanted.isDirect)
        : wanted.from === ''
          ? textSource(Buffer.from(await asked.readStandardInput()))
          : fileSource(rooted(wanted.from));
  try {
    return await copy(machine, asked, wanted, source, await isNode(wanted.to), rooted(wanted.to));
  } finally {
    source.close();
  }
}

function textSource(text: Buffer): Source {
  return { read: async (position, length) => text.subarray(position, position + length), close: () => {} };
}

async function copy(
  machine: Machine,
  asked: Asked,
  wanted: Wanted,
  source: Source,
  isToNode: boolean,
  to: string,
): Promise<number> {
  const output = isToNode || to === '' || to === '/dev/null' ? undefined : openSync(to, wanted.seek > 0 ? 'r+' : 'w');
  const [full, partial] = [
    { in: 0, out: 0 },
    { in: 0, out: 0 },
  ];
  let [status, bytes] = [0, 0];
  for (let at = 0; at < wanted.count; at++) {
    let data: Buffer;
    try {
      data = await source.read((wanted.skip + at) * wanted.block, wanted.block);
    } catch (error) {
      asked.complain(`dd: error reading '${wanted.from}': ${TEXTS[(error as ControlError).errno] ?? 'Input/output error'}\n`);
      status = 1;
      break;
    }
    if (data.length === 0) break;
    (data.length === wanted.block ? full : partial).in++;
    try {
      const position = (wanted.seek + at) * wanted.block;
      if (isToNode) {
        await writeToNode(machine, wanted, position, data);
      } else if (to === '') asked.print(data);
      else if (output !== undefined) writeSync(output, data, 0, data.length, position);
    } catch (error) {
      asked.complain(`dd: error writing '${wanted.to}': ${TEXTS[(error as ControlError).errno] ?? 'Input/output error'}\n`);
      status = 1;
      break;
    }
    (data.length === wanted.block ? full : partial).out++;
    bytes += data.length;
  }
  if (isToNode && wanted.isFlushed) await machine.client.request('io', { node: wanted.to, words: ['f'] });
  if (output !== undefined) closeSync(output);
  if (wanted.status !== 'none') {
    asked.complain(`${full.in}+${partial.in} records in\n${full.out}+${partial.out} records out\n`);
    if (wanted.status !== 'noxfer') asked.complain(`${bytes} bytes copied\n`);
  }
  return status;
}
