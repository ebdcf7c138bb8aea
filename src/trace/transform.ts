// What can be done to a trace as it passes, batch by batch. Batches are changed in place: they are the taker's to keep.

import { TraceError } from './errors.ts';
import { BATCH_RECORDS, DEVICES_MAX, RecordBatch, type Trace } from './records.ts';

const NAMES_TOLD = 16;

export type Batches = AsyncIterable<RecordBatch>;

/** The first `count` records. */
export async function* head(batches: Batches, count: number): AsyncGenerator<RecordBatch> {
  let left = count;
  if (left === 0) return;
  for await (const batch of batches) {
    batch.count = Math.min(batch.count, left);
    left -= batch.count;
    yield batch;
    if (left === 0) return;
  }
}

/** What a slice keeps: from a bound on, up to another without it. */
export interface SliceBounds {
  readonly fromNs: number;
  readonly toNs: number;
  readonly fromIndex: number;
  readonly toIndex: number;
  readonly fromSector: number;
  readonly toSector: number;
  /** Names of devices, all where undefined. */
  readonly devices: ReadonlySet<string> | undefined;
}

export const EVERYTHING: SliceBounds = {
  fromNs: Number.NEGATIVE_INFINITY,
  toNs: Number.POSITIVE_INFINITY,
  fromIndex: 0,
  toIndex: Number.POSITIVE_INFINITY,
  fromSector: 0,
  toSector: Number.POSITIVE_INFINITY,
  devices: undefined,
};

/**
 * Records inside all bounds; of sectors, those that lie in them entirely. Times stay as they are. `names` are the trace's, which it may add
 * to while it is read. Throws TraceError at its end for a device that it has not.
 */
export async function* slice(batches: Batches, names: readonly string[], bounds: SliceBounds): AsyncGenerator<RecordBatch> {
  let index = 0;
  for await (const batch of batches) {
    let kept = 0;
    for (let row = 0; row < batch.count; row++, index++) {
      if (index < bounds.fromIndex || index >= bounds.toIndex) continue;
      const timeNs = batch.timeNs[row] as number;
      if (timeNs < bounds.fromNs || timeNs >= bounds.toNs) continue;
      const sector = batch.sector[row] as number;
      if (sector < bounds.fromSector || sector + (batch.sectors[row] as number) > bounds.toSector) continue;
      if (bounds.devices !== undefined && !bounds.devices.has(names[batch.device[row] as number] as string)) continue;
      moveRow(batch, row, kept++);
    }
    batch.count = kept;
    if (kept > 0) yield batch;
    if (index >= bounds.toIndex) return;
  }
  for (const name of bounds.devices ?? []) {
    if (names.includes(name)) continue;
    const known = names.slice(0, NAMES_TOLD).map((one) => JSON.stringify(one));
    const more = names.length > NAMES_TOLD ? ', …' : '';
    throw new TraceError(`device ${JSON.stringify(name)} is not in the trace: it has ${known.join(', ')}${more}`);
  }
}

function moveRow(batch: RecordBatch, from: number, to: number): void {
  if (from === to) return;
  const { count } = batch;
  batch.count = to;
  batch.append(batch, from);
  batch.count = count;
}

export interface Scale {
  /** Times are multiplied by this: 0.5 is twice as fast. Response times stay. */
  readonly time: number;
  /** Addresses are multiplied by this and aligned down to `alignSectors`; lengths stay. */
  readonly space: number;
  readonly alignSectors: number;
  /** Addresses are wrapped so that all I/O lies in the first so many sectors. */
  readonly wrapSectors: number | undefined;
  readonly addSectors: number;
  readonly addNs: number;
}

export const UNSCALED: Scale = { time: 1, space: 1, alignSectors: 1, wrapSectors: undefined, addSectors: 0, addNs: 0 };

/** Throws TraceError for an address that would be negative or beyond 2^53, and for an I/O that does not fit where it is wrapped. */
export async function* scale(batches: Batches, by: Scale): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) {
    for (let row = 0; row < batch.count; row++) {
      batch.timeNs[row] = Math.round((batch.timeNs[row] as number) * by.time + by.addNs);
      const sectors = batch.sectors[row] as number;
      if (sectors > 0) batch.sector[row] = moved(batch.sector[row] as number, sectors, by);
    }
    yield batch;
  }
}

function moved(sector: number, sectors: number, by: Scale): number {
  let at = sector;
  if (by.space !== 1) at = Math.floor((at * by.space) / by.alignSectors) * by.alignSectors;
  at += by.addSectors;
  if (by.wrapSectors !== undefined) {
    const room = by.wrapSectors - sectors;
    if (room < 0) throw new TraceError(`an I/O of ${sectors} sectors does not fit into ${by.wrapSectors} sectors`);
    at %= by.wrapSectors;
    // what would hang over the end begins so that it does not
    if (at > room) at = room;
  }
  if (at >= 0 && at <= Number.MAX_SAFE_INTEGER) return at;
  throw new TraceError(`sector ${sector} would become ${at}: expected 0 to 2^53-1`);
}

/** Sorted by time, equal times in their order. Holds all records in memory, 36 bytes each. */
export async function* sorted(batches: Batches): AsyncGenerator<RecordBatch> {
  const all: RecordBatch[] = [];
  const places: number[] = [];
  for await (const batch of batches) {
    for (let row = 0; row < batch.count; row++) places.push(all.length * BATCH_RECORDS + row);
    if (batch.count > BATCH_RECORDS) throw new TraceError(`a batch of ${batch.count} records`);
    all.push(batch);
  }
  const time = (place: number): number =>
    (all[Math.floor(place / BATCH_RECORDS)] as RecordBatch).timeNs[place % BATCH_RECORDS] as number;
  places.sort((one, other) => time(one) - time(other));
  for (let from = 0; from < places.length; from += BATCH_RECORDS) {
    const batch = new RecordBatch(Math.min(BATCH_RECORDS, places.length - from));
    for (let i = 0; i < batch.capacity; i++) {
      const place = places[from + i] as number;
      batch.append(all[Math.floor(place / BATCH_RECORDS)] as RecordBatch, place % BATCH_RECORDS);
    }
    yield batch;
  }
}

/** One of several traces that are mixed. */
export interface MixInput {
  readonly trace: Pick<Trace, 'devices'>;
  readonly batches: Batches;
}

/**
 * Several traces as one, by their times. Devices of different traces are different ones unless `isJoined` says that equal names mean the
 * same; a name that is taken gets the number of its trace behind it. `names` is filled as devices appear.
 */
export async function* mix(inputs: readonly MixInput[], isJoined: boolean, names: string[]): AsyncGenerator<RecordBatch> {
  const cursors: MixCursor[] = [];
  try {
    for (const [index, input] of inputs.entries()) {
      const cursor = new MixCursor(input, index, isJoined, names);
      cursors.push(cursor);
      await cursor.next();
    }
    let batch = new RecordBatch(BATCH_RECORDS);
    for (;;) {
      let first: MixCursor | undefined;
      for (const cursor of cursors) if (!cursor.isOver && (first === undefined || cursor.timeNs < first.timeNs)) first = cursor;
      if (first === undefined) break;
      first.giveTo(batch);
      if (first.isUsed) await first.next();
      if (batch.count === BATCH_RECORDS) {
        yield batch;
        batch = new RecordBatch(BATCH_RECORDS);
      }
    }
    if (batch.count > 0) yield batch;
  } finally {
    await Promise.all(cursors.map((cursor) => cursor.close()));
  }
}

class MixCursor {
  isOver = false;
  readonly #input: MixInput;
  readonly #iterator: AsyncIterator<RecordBatch>;
  readonly #index: number;
  readonly #isJoined: boolean;
  readonly #names: string[];
  readonly #numbers: number[] = [];
  #batch: RecordBatch = new RecordBatch(0);
  #row = 0;

  constructor(input: MixInput, index: number, isJoined: boolean, names: string[]) {
    this.#input = input;
    this.#iterator = input.batches[Symbol.asyncIterator]();
    this.#index = index;
    this.#isJoined = isJoined;
    this.#names = names;
  }

  get timeNs(): number {
    return this.#batch.timeNs[this.#row] as number;
  }

  get isUsed(): boolean {
    return this.#row >= this.#batch.count;
  }

  giveTo(batch: RecordBatch): void {
    const row = batch.append(this.#batch, this.#row);
    batch.device[row] = this.#number(this.#batch.device[this.#row] as number);
    this.#row++;
  }

  #number(device: number): number {
    const known = this.#numbers[device];
    if (known !== undefined) return known;
    let name = this.#input.trace.devices[device] as string;
    let number = this.#names.indexOf(name);
    if (number >= 0 && !this.#isJoined) {
      name = `${name}#${this.#index + 1}`;
      number = -1;
    }
    if (number < 0) {
      if (this.#names.length === DEVICES_MAX) throw new TraceError(`more than ${DEVICES_MAX} devices`);
      number = this.#names.push(name) - 1;
    }
    this.#numbers[device] = number;
    return number;
  }

  async next(): Promise<void> {
    this.#row = 0;
    do {
      const { done, value } = await this.#iterator.next();
      if (done) {
        this.isOver = true;
        return;
      }
      this.#batch = value;
    } while (this.#batch.count === 0);
  }

  async close(): Promise<void> {
    if (!this.isOver) await this.#iterator.return?.();
  }
}
