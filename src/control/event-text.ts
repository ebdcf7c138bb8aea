// Events of a block trace as lines, in the words of the kernel's tracepoints or of blkparse. Both say the same; where the
// kernel has no such event (two requests that become one, for blkparse), the nearest word is taken.

import {
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_RAHEAD,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
} from '../../assembly/abi.ts';
import type { TraceDevice, TracedEvent } from './protocol.ts';

/** Makes lines of an event: none where such a device has no such event, two where an error is told as well. */
export type EventText = (event: TracedEvent, deviceOf: (number: string) => TraceDevice) => string[];

/** What the kernel shows for the place of a request without one. */
const NO_SECTOR = '18446744073709551615';
const SECTOR_BYTES = 512;
const LETTERS: ReadonlyMap<number, string> = new Map([
  [OPERATION_READ, 'R'],
  [OPERATION_WRITE, 'W'],
  [OPERATION_DISCARD, 'D'],
  [OPERATION_FLUSH, 'F'],
]);

/** The letters of an operation: `WFS` is a write with FUA that somebody waits for. A flush that is a bio is `FWS`. */
export function operationLetters(operation: number, flags: number, isBio: boolean): string {
  if (operation === OPERATION_FLUSH) return isBio ? 'FWS' : 'FF';
  return [
    flags & FLAG_PREFLUSH ? 'F' : '',
    LETTERS.get(operation) ?? 'N',
    flags & FLAG_FUA ? 'F' : '',
    flags & FLAG_RAHEAD ? 'A' : '',
    flags & FLAG_SYNC ? 'S' : '',
    flags & FLAG_META ? 'M' : '',
  ].join('');
}

/** Events that are about bios, whatever the device; a bio-based device has no others. */
const BIO_ACTIONS: ReadonlySet<string> = new Set(['Q', 'X', 'A', 'C']);

/** Lines such as `rq_issue: sda R 4096 0 + 8 [NAME]`: the tracepoint without `block_`, and who submitted as `process`. */
export function kernelText(process: string): EventText {
  return ([, number, action, operation, flags, sector, sectors, detail, source, sourceSector, bios], deviceOf) => {
    const { name, isBioBased } = deviceOf(number);
    if (isBioBased && !BIO_ACTIONS.has(action)) return [];
    const who = `[${process}]`;
    const isBio =
      action === 'Q' || action === 'X' || isBioBased || (action === 'A' && bios === 0 && deviceOf(source).isBioBased);
    const letters = operationLetters(operation, flags, isBio);
    const isPlaceless = operation === OPERATION_FLUSH && !isBio;
    const range = `${sector} + ${sectors}`;
    const told = isPlaceless ? `${NO_SECTOR} + 0` : range;
    switch (action) {
      case 'Q':
        return [`bio_queue: ${name} ${letters} ${range} ${who}`];
      case 'G':
        return [`getrq: ${name} ${operationLetters(operation, flags, true)} ${range} ${who}`];
      case 'M':
        return [`bio_backmerge: ${name} ${letters} ${range} ${who}`];
      case 'F':
        return [`bio_frontmerge: ${name} ${letters} ${range} ${who}`];
      case 'X':
        return [`split: ${name} ${letters} ${detail} / ${detail} ${who}`];
      case 'P':
        return [`plug: ${who}`];
      case 'U':
        return [`unplug: ${who} ${detail}`];
      case 'A':
        if (isBio) return [`bio_remap: ${name} ${letters} ${range} <- (${deviceOf(source).name}) ${sourceSector}`];
        return [
          `rq_remap: ${name} ${letters} ${told} <- (${deviceOf(source).name}) ${isPlaceless ? NO_SECTOR : sourceSector} ${bios}`,
        ];
      case 'R':
        return [`rq_requeue: ${name} ${letters} ${told} [0]`];
      case 'C': {
        if (isBioBased) return [`bio_complete: ${name} ${letters} ${range} [${detail}]`];
        const end = `${name} ${letters} ${told} [${detail}]`;
        return [`rq_complete: ${end}`, ...(detail === 0 ? [] : [`rq_error: ${end}`])];
      }
      default: {
        const event = SIZED.get(action);
        return event === undefined ? [] : [`${event}: ${name} ${letters} ${sectors * SECTOR_BYTES} ${range} ${who}`];
      }
    }
  };
}

const SIZED: ReadonlyMap<string, string> = new Map([
  ['I', 'rq_insert'],
  ['D', 'rq_issue'],
  ['m', 'rq_merge'],
]);

/** Lines as blkparse prints them by itself: device, CPU, number, seconds, process id, action, operation, place. */
export function blkparseText(process: string): EventText {
  let number = 0;
  let firstNs: number | undefined;
  return ([timeNs, device, action, operation, flags, sector, sectors, detail, source, sourceSector, bios], deviceOf) => {
    const { isBioBased } = deviceOf(device);
    if (isBioBased && !BIO_ACTIONS.has(action)) return [];
    firstNs ??= timeNs;
    const seconds = Math.floor((timeNs - firstNs) / 1e9);
    const rest = (timeNs - firstNs) % 1e9;
    const isBio = action === 'Q' || action === 'X' || isBioBased || (action === 'A' && bios === 0);
    const isPlug = action === 'P' || action === 'U';
    const letters = isPlug ? 'N' : operationLetters(operation, flags, isBio);
    const what = placeText();
    const time = `${String(seconds).padStart(5)}.${String(rest).padStart(9, '0')}`;
    const [major, minor] = device.split(':') as [string, string];
    const where = `${major.padStart(3)},${minor.padEnd(3)}  0 ${String(++number).padStart(8)} ${time}`;
    return [`${where}     0  ${action === 'm' ? 'M' : action} ${letters.padStart(3)} ${what}`];

    function placeText(): string {
      const who = `[${process}]`;
      if (action === 'P') return who;
      if (action === 'U') return `${who} ${detail}`;
      if (action === 'X') return `${detail} / ${detail} ${who}`;
      const range = `${sector} + ${sectors}`;
      if (action === 'A') return `${range} <- (${source.replace(':', ',')}) ${sourceSector}`;
      if (action === 'C') return `${range} [${detail}]`;
      return `${range} ${who}`;
    }
  };
}
