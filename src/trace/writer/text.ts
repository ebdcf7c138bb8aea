// Targets that are text, a line a record.

import { FILETIME_EPOCH_SECONDS } from '../format/msr.ts';
import {
  FLAG_AHEAD,
  FLAG_FUA,
  FLAG_META,
  FLAG_PREFLUSH,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  type RecordBatch,
} from '../records.ts';
import { SECTOR_BYTES } from '../text-fields.ts';
import { deviceNumber, plainNumber } from './device-number.ts';
import type { TargetFormat, TraceAbout, TraceWriter } from './writer.ts';

type LineOf = (batch: RecordBatch, row: number, devices: readonly string[]) => string;

/** A writer of lines. */
function lines(lineOf: LineOf, begin = '', end: () => string = () => ''): TraceWriter {
  return {
    begin: () => Buffer.from(begin, 'latin1'),
    write(batch, rows, devices) {
      let text = '';
      for (const row of rows) text += lineOf(batch, row, devices);
      return [Buffer.from(text, 'latin1')];
    },
    end: () => [Buffer.from(end(), 'latin1')],
  };
}

const isRead = (batch: RecordBatch, row: number): boolean => batch.operation[row] === OPERATION_READ;
const offsetOf = (batch: RecordBatch, row: number): number => (batch.sector[row] as number) * SECTOR_BYTES;
const bytesOf = (batch: RecordBatch, row: number): number => (batch.sectors[row] as number) * SECTOR_BYTES;

/** Nanoseconds in a unit of so many, with all decimals of it. */
function decimal(ns: number, unitNs: number, places: number): string {
  const whole = Math.floor(ns / unitNs);
  const rest = Math.floor(((ns - whole * unitNs) * 10 ** places) / unitNs);
  return `${whole}.${String(rest).padStart(places, '0')}`;
}

export const disksimTarget: TargetFormat = {
  name: 'disksim',
  summary: 'DiskSim ascii: ms, sectors',
  carries: [],
  operations: [],
  stepNs: 1,
  open: () =>
    lines((batch, row, devices) => {
      const time = decimal(batch.timeNs[row] as number, 1e6, 6);
      return `${time} ${plainNumber(devices, batch.device[row] as number)} ${batch.sector[row]} ${batch.sectors[row]} ${isRead(batch, row) ? 1 : 0}\n`;
    }),
};

export const mqsimTarget: TargetFormat = {
  name: 'mqsim',
  summary: 'MQSim: ns, sectors',
  carries: [],
  operations: [],
  stepNs: 1,
  open: () =>
    lines((batch, row, devices) => {
      const time = Math.floor(batch.timeNs[row] as number);
      return `${time} ${plainNumber(devices, batch.device[row] as number)} ${batch.sector[row]} ${batch.sectors[row]} ${isRead(batch, row) ? 1 : 0}\n`;
    }),
};

export const spcTarget: TargetFormat = {
  name: 'spc',
  summary: 'SPC-1 csv: s with 6 decimals, sectors, size in bytes',
  carries: [],
  operations: [],
  stepNs: 1000,
  open: () =>
    lines((batch, row, devices) => {
      const time = decimal(batch.timeNs[row] as number, 1e9, 6);
      const unit = plainNumber(devices, batch.device[row] as number);
      return `${unit},${batch.sector[row]},${bytesOf(batch, row)},${isRead(batch, row) ? 'r' : 'w'},${time}\n`;
    }),
};

/** The week that the MSR traces were recorded in, for a trace that does not say when it began. */
const MSR_BEGAN_SECONDS = 1_172_163_600;
const TICKS_PER_SECOND = 1e7;

export const msrTarget: TargetFormat = {
  name: 'msr',
  summary: 'MSR Cambridge csv: ticks of 100 ns since 1601, bytes',
  carries: ['response', 'began', 'device names'],
  operations: [],
  stepNs: 100,
  open: (about) => {
    const began = about.beganSeconds ?? MSR_BEGAN_SECONDS;
    const beganSeconds = Math.floor(began) + FILETIME_EPOCH_SECONDS;
    const beganTicks = Math.round((began - Math.floor(began)) * TICKS_PER_SECOND);
    return lines((batch, row, devices) => {
      const ticks = Math.floor((batch.timeNs[row] as number) / 100) + beganTicks;
      const seconds = Math.floor(ticks / TICKS_PER_SECOND);
      const stamp = `${beganSeconds + seconds}${String(ticks - seconds * TICKS_PER_SECOND).padStart(7, '0')}`;
      const name = devices[batch.device[row] as number] as string;
      const device = /^[^,]+,\d+$/.test(name) ? name : `${name.replaceAll(',', '.') || 'disk'},0`;
      const response = batch.responseNs[row] as number;
      const took = Number.isNaN(response) ? 0 : Math.round(response / 100);
      return `${stamp},${device},${isRead(batch, row) ? 'Read' : 'Write'},${offsetOf(batch, row)},${bytesOf(batch, row)},${took}\n`;
    });
  },
};

export const blkreplayTarget: TargetFormat = {
  name: 'blkreplay',
  summary: 'blkreplay .load: s with 9 decimals, sectors',
  carries: ['response'],
  operations: [],
  stepNs: 1,
  open: () =>
    lines((batch, row) => {
      const time = decimal(batch.timeNs[row] as number, 1e9, 9);
      const response = batch.responseNs[row] as number;
      const took = Number.isNaN(response) ? '0.0' : decimal(Math.max(0, response), 1e9, 9);
      return `${time} ; ${batch.sector[row]} ; ${batch.sectors[row]} ; ${isRead(batch, row) ? 'R' : 'W'} ; 0.0 ; ${took}\n`;
    }, 'start ; sector; length ; op ;  replay_delay=0 ; replay_duration=0\n'),
};

const FIO_ACTIONS = ['read', 'write', 'trim', 'sync'] as const;
const NS_PER_MS = 1e6;

function fioTarget(version: 2 | 3): TargetFormat {
  return {
    name: `fio-v${version}`,
    summary: version === 3 ? 'fio iolog version 3: us, bytes' : 'fio iolog version 2: bytes, waits in ms',
    carries: ['device names'],
    operations: [OPERATION_DISCARD, OPERATION_FLUSH],
    stepNs: version === 3 ? 1000 : NS_PER_MS,
    open: (about) => fioWriter(version, about),
  };
}

export const fioV2Target: TargetFormat = fioTarget(2);
export const fioV3Target: TargetFormat = fioTarget(3);

function fioWriter(version: 2 | 3, about: TraceAbout): TraceWriter {
  const files: (string | undefined)[] = [];
  let lastMs = 0;
  let time = '';
  return lines(
    (batch, row, devices) => {
      const number = batch.device[row] as number;
      const timeNs = batch.timeNs[row] as number;
      if (version === 3) time = `${Math.floor(timeNs / 1000)} `;
      let text = '';
      let file = files[number];
      if (file === undefined) {
        // fio reads names up to a blank
        file = (devices[number] as string).replace(/\s/g, '_') || 'disk';
        files[number] = file;
        text += `${time}${file} add\n${time}${file} open\n`;
      }
      const ms = Math.floor(timeNs / NS_PER_MS);
      if (version === 2 && about.isTimed && ms > lastMs) {
        text += `${file} wait ${ms} 0\n`;
        lastMs = ms;
      }
      const action = FIO_ACTIONS[batch.operation[row] as number];
      return `${text}${time}${file} ${action} ${offsetOf(batch, row)} ${bytesOf(batch, row)}\n`;
    },
    `fio version ${version} iolog\n`,
    () => files.map((file) => (file === undefined ? '' : `${time}${file} close\n`)).join(''),
  );
}

export const blkparseTarget: TargetFormat = {
  name: 'blkparse',
  summary: 'blkparse text, queue events: s with 9 decimals, sectors',
  carries: ['flags', 'stream', 'device names'],
  operations: [OPERATION_DISCARD, OPERATION_FLUSH],
  stepNs: 1,
  open: () => {
    let sequence = 0;
    return lines((batch, row, devices) => {
      const device = deviceNumber(devices, batch.device[row] as number);
      const head = `${String(device.major).padStart(3)},${String(device.minor).padEnd(3)} ${'0'.padStart(2)}`;
      const time = decimal(batch.timeNs[row] as number, 1e9, 9).padStart(15);
      const start = `${head} ${String(++sequence).padStart(8)} ${time} ${String(batch.stream[row]).padStart(5)}  Q`;
      const letters = lettersOf(batch, row).padStart(3);
      const length = batch.sectors[row] === 0 ? '' : `${batch.sector[row]} + ${batch.sectors[row]} `;
      return `${start} ${letters} ${length}[rqdm]\n`;
    });
  },
};

function lettersOf(batch: RecordBatch, row: number): string {
  const flags = batch.flags[row] as number;
  const operation = batch.operation[row] as number;
  let text = (flags & FLAG_PREFLUSH) !== 0 || operation === OPERATION_FLUSH ? 'F' : '';
  text +=
    operation === OPERATION_FLUSH ? 'N' : operation === OPERATION_DISCARD ? 'D' : operation === OPERATION_READ ? 'R' : 'W';
  if ((flags & FLAG_FUA) !== 0) text += 'F';
  if ((flags & FLAG_AHEAD) !== 0) text += 'A';
  if ((flags & FLAG_SYNC) !== 0) text += 'S';
  if ((flags & FLAG_META) !== 0) text += 'M';
  return text;
}
