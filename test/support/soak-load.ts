// Random I/O with everything that the library takes, and every byte that is read compared with a model.
//
// The device is cut into runs of 64 sectors, dealt out to the lanes in turn: lanes never overlap, but their requests are
// neighbours and merge. Within a lane what is under way together is on different runs, so reads know what they must find.

import type { MappedDevice, RqdmIoError } from '../../bindings/index.ts';
import type { Random } from './random.ts';
import { SoakModel } from './soak-model.ts';

const SECTOR = 512;
export const RUN_SECTORS = 64;
const RUN_BYTES = RUN_SECTORS * SECTOR;

export interface SoakLoadOptions {
  readonly random: Random;
  readonly lanes: number;
  /** Runs of each lane. */
  readonly runs: number;
  /** Named in every complaint. */
  readonly who: string;
  /** Whether I/O may end with an error at all; then what it did to the device is unknown. */
  readonly mayFail?: boolean;
  readonly canDiscard?: boolean;
  readonly canWriteZeroes?: boolean;
  /** Told of everything that ends, in order. */
  readonly note?: (text: string) => void;
}

/** Errors that faults may lead to. Everything else is a fault of the library. */
const KNOWN = /^(ENOLINK|EIO|ETIMEDOUT|ENODATA|EREMOTEIO|EAGAIN|AbortError|ABORT_ERR|ERR_RQDM_UNKNOWN_FATE)$/;

export class SoakLoad {
  readonly model: SoakModel;
  readonly sizeBytes: number;
  ios = 0;
  failed = 0;
  aborted = 0;
  isOver = false;
  readonly #options: SoakLoadOptions;

  constructor(options: SoakLoadOptions) {
    this.#options = options;
    this.sizeBytes = options.lanes * options.runs * RUN_BYTES;
    this.model = new SoakModel(this.sizeBytes);
  }

  /** All lanes at work until `isOver`. */
  async run(device: MappedDevice): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.lanes }, (_, lane) => this.#lane(device, lane)));
  }

  async #lane(device: MappedDevice, lane: number): Promise<void> {
    const { random, runs } = this.#options;
    while (!this.isOver) {
      const depth = 1 + random.below(4);
      const first = random.below(runs);
      await Promise.all(Array.from({ length: depth }, (_, index) => this.#step(device, lane, (first + index) % runs)));
    }
  }

  async #step(device: MappedDevice, lane: number, run: number): Promise<void> {
    const { random, lanes } = this.#options;
    const runFirst = (run * lanes + lane) * RUN_BYTES;
    const skipped = random.below(RUN_SECTORS);
    const sectors = 1 + random.below(random.onceIn(4) ? RUN_SECTORS - skipped : Math.min(8, RUN_SECTORS - skipped));
    const position = runFirst + skipped * SECTOR;
    const length = sectors * SECTOR;
    this.ios++;
    const choice = random.below(20);
    if (choice < 9) await this.#write(device, position, length);
    else if (choice === 9) await this.#writeUnaligned(device, runFirst);
    else if (choice === 10) await this.#ended('F 0+0', device.flush());
    else if (choice === 11) await this.#zero(device, position, length);
    else if (choice === 12) await this.#readAborted(device, position, length);
    else await this.#read(device, position, length);
  }

  async #write(device: MappedDevice, position: number, length: number): Promise<void> {
    const { random } = this.#options;
    const bytes = Buffer.alloc(length);
    random.fill(bytes.subarray(0, SECTOR));
    for (let at = 0; at < length; at += SECTOR) {
      bytes.copyWithin(at, 0, SECTOR);
      bytes.writeUInt32LE((position + at + this.ios) >>> 0, at);
    }
    const fua = random.onceIn(8);
    const priority = random.onceIn(8) ? (['realtime', 'best-effort', 'idle'] as const)[random.below(3)] : undefined;
    const options = { ...(fua ? { fua } : {}), ...(priority === undefined ? {} : { priority }) };
    const isGood = await this.#ended(`W ${position}+${length}`, device.write(bytes, position, options));
    if (isGood) this.model.wrote(bytes, position);
    else this.model.forget(position, length);
  }

  async #writeUnaligned(device: MappedDevice, runFirst: number): Promise<void> {
    const { random } = this.#options;
    const bytes = random.fill(Buffer.alloc(1 + random.below(1000)));
    const place = runFirst + random.below(RUN_BYTES - bytes.length);
    if (!this.model.isKnown(place, bytes.length)) return;
    const isGood = await this.#ended(`U ${place}+${bytes.length}`, device.write(bytes, place, { unaligned: true }));
    if (isGood) this.model.wrote(bytes, place);
    else this.model.forget(place, bytes.length);
  }

  async #zero(device: MappedDevice, position: number, length: number): Promise<void> {
    const { canDiscard, canWriteZeroes, random } = this.#options;
    const isDiscard = canDiscard && (!canWriteZeroes || random.onceIn(2));
    if (!isDiscard && !canWriteZeroes) return;
    const io = isDiscard ? device.discard(position, length) : device.writeZeroes(position, length);
    const isGood = await this.#ended(`${isDiscard ? 'D' : 'Z'} ${position}+${length}`, io);
    if (isGood) this.model.zeroed(position, length);
    else this.model.forget(position, length);
  }

  async #read(device: MappedDevice, position: number, length: number): Promise<void> {
    const { random, who } = this.#options;
    const from = position + random.below(SECTOR);
    const count = length - random.below(SECTOR) - (from - position);
    if (count <= 0) return;
    const buffer = Buffer.alloc(count);
    const isGood = await this.#ended(`R ${from}+${count}`, device.readInto(buffer, from));
    if (isGood) this.model.verify(buffer, from, who);
  }

  /** The signal comes before the read can have ended, or after. */
  async #readAborted(device: MappedDevice, position: number, length: number): Promise<void> {
    const { random, who } = this.#options;
    const controller = new AbortController();
    const buffer = Buffer.alloc(length, 0xa5);
    const read = device.readInto(buffer, position, { signal: controller.signal });
    if (random.onceIn(2)) controller.abort();
    else void Promise.resolve().then(() => controller.abort());
    try {
      await read;
      this.model.verify(buffer, position, who);
    } catch (error) {
      if ((error as Error).name !== 'AbortError') throw error;
      this.aborted++;
      // never touched after the promise has settled: looked at again when much else has happened
      this.#untouched.push(buffer);
      if (this.#untouched.length > 100) this.checkUntouched(50);
    }
    this.#options.note?.(`X ${position}+${length}`);
  }

  readonly #untouched: Buffer[] = [];

  /** Buffers of reads that were given up hold what they held. */
  checkUntouched(count: number = this.#untouched.length): void {
    for (const buffer of this.#untouched.splice(0, count)) {
      if (!buffer.every((byte) => byte === 0xa5))
        throw new Error(`a buffer was written after its read was aborted (${this.#options.who})`);
    }
  }

  /** True: it went well. False: an error that faults may lead to. */
  async #ended(what: string, io: Promise<unknown>): Promise<boolean> {
    const { note, mayFail, who } = this.#options;
    try {
      await io;
      note?.(what);
      return true;
    } catch (error) {
      const { code } = error as RqdmIoError;
      if (!mayFail || !KNOWN.test(String(code))) throw new Error(`${what} failed (${who}): ${String(error)}`, { cause: error });
      this.failed++;
      note?.(`${what} ${code}`);
      return false;
    }
  }
}
