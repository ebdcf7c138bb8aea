// btrecord's binary for btreplay (`<device>.replay.<cpu>`), in the byte order of the machine that recorded, which its version tells. Offsets in
// bytes.
//
//   file header    32 bytes  version u64@0 (1.0.0 is 0x10000), genesis ns u64@8, bunches u64@16, packets u64@24
//   bunch header   16 bytes  packets u64@0 (at most 512), time in ns from genesis u64@8
//   packet         24 bytes  sector u64@0, bytes u64@8, direction u32@16 (1 is a read), padding u32@20
//
// All packets of a bunch have its time. The totals of the header are wrong in real files: they are compared and told, not believed.

import { TraceError } from '../errors.ts';
import { wide } from '../fixed-records.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../records.ts';
import { lengthProblem, SECTOR_BYTES } from '../text-fields.ts';
import type { ReadContext, Reader, TraceFormat } from './format.ts';

const HEADER_BYTES = 32;
const BUNCH_BYTES = 16;
const PACKET_BYTES = 24;
const PACKETS_MAX = 512;
const VERSION = 0x10000;

export const btrecord: TraceFormat = {
  name: 'btrecord',
  summary: 'btrecord binary for btreplay: ns, sectors, size in bytes',
  detect: ({ bytes }) => {
    if (bytes.length < HEADER_BYTES + BUNCH_BYTES) return 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const isLittle = isLittleEndian(view, 0);
    const packets = wide(view, HEADER_BYTES, isLittle);
    return wide(view, 0, isLittle) === VERSION && packets > 0 && packets <= PACKETS_MAX ? 1 : 0;
  },
  read: (context) => new BunchReader(context),
};

/** The version turned around has its lower half where zeros are. */
function isLittleEndian(view: DataView, at: number): boolean {
  return view.getUint32(at, true) !== 0;
}

class BunchReader implements Reader {
  seen = 0;
  readonly #context: ReadContext;
  readonly #device: number;
  #bunches = 0;
  #toldPackets = -1;
  #toldBunches = 0;
  /** Packets of the present bunch that are still to come. */
  #left = 0;
  #origin = -1;
  #timeNs = 0;
  #isLost = false;
  #isLittle = true;

  constructor(context: ReadContext) {
    this.#context = context;
    this.#device = context.sink.device('0');
  }

  read(bytes: Buffer, from: number, to: number, isLast: boolean, offset: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = from;
    if (this.#toldPackets < 0) {
      if (to - at < HEADER_BYTES) return isLast ? this.#cut(at, to, offset) : at;
      this.#header(view, at);
      at += HEADER_BYTES;
    }
    while (!this.#isLost) {
      const place = offset + at - from;
      const wanted = this.#left > 0 ? PACKET_BYTES : BUNCH_BYTES;
      if (to - at < wanted) return isLast && at < to ? this.#cut(at, to, place) : at;
      if (this.#left > 0) this.#packet(view, at, place);
      else this.#bunch(view, at, place);
      at += wanted;
    }
    return to;
  }

  #header(view: DataView, at: number): void {
    this.#isLittle = isLittleEndian(view, at);
    const version = wide(view, at, this.#isLittle);
    if (version !== VERSION)
      throw new TraceError(`btrecord: expected version 1.0.0 (0x10000), found 0x${version.toString(16)}`);
    this.#toldBunches = wide(view, at + 16, this.#isLittle);
    this.#toldPackets = Math.max(0, wide(view, at + 24, this.#isLittle));
  }

  #bunch(view: DataView, at: number, place: number): void {
    const packets = wide(view, at, this.#isLittle);
    const timeNs = wide(view, at + 8, this.#isLittle);
    if (packets < 1 || packets > PACKETS_MAX || timeNs < 0) {
      // nothing tells where the next bunch is
      this.#isLost = true;
      this.seen++;
      const reason = `expected a bunch of 1 to ${PACKETS_MAX} packets, and can read no further`;
      this.#context.skips.skip(`byte ${place}`, reason, packets < 0 ? 'more than 2^53' : String(packets));
      return;
    }
    if (this.#origin < 0) this.#origin = timeNs;
    this.#timeNs = timeNs - this.#origin;
    this.#left = packets;
    this.#bunches++;
  }

  #packet(view: DataView, at: number, place: number): void {
    this.#left--;
    this.seen++;
    const sector = wide(view, at, this.#isLittle);
    const bytes = wide(view, at + 8, this.#isLittle);
    const direction = view.getUint32(at + 16, this.#isLittle);
    const sectors = Math.ceil(bytes / SECTOR_BYTES);
    const problem =
      sector < 0 || bytes < 0
        ? 'a sector or length beyond 2^53'
        : direction > 1
          ? 'direction: expected 0 or 1'
          : lengthProblem(sectors);
    if (problem !== undefined) {
      this.#context.skips.skip(`byte ${place}`, problem);
      return;
    }
    const operation = direction === 1 ? OPERATION_READ : OPERATION_WRITE;
    this.#context.sink.add(this.#timeNs, sector, sectors, operation, 0, this.#device, 0, Number.NaN);
  }

  #cut(at: number, to: number, place: number): number {
    this.seen++;
    this.#context.skips.skip(`byte ${place}`, 'the file is cut off', `${to - at} bytes`);
    return to;
  }

  end(): void {
    if (this.#left > 0) this.#context.skips.skip('the end', `the last bunch lacks ${this.#left} packets`, '', this.#left);
    if (this.#toldPackets !== this.seen || this.#toldBunches !== this.#bunches) {
      this.#context.note(
        `the header tells of ${this.#toldBunches} bunches and ${this.#toldPackets} packets, there are ${this.#bunches} and ${this.seen}`,
      );
    }
  }
}
