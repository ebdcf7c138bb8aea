// A solid-state disk: firmware, a link, channels, dies, a write buffer.
//
//   reads    firmware, then piece by piece (a page each, striped over the channels first, then over their dies): the die
//            senses, the channel carries, the link carries. A channel is busy only while it carries
//   writes   the link carries, the buffer acknowledges; a full page is carried to the next die in turn and programmed in
//            the background. Without room in the buffer a write waits for the oldest page that is being programmed
//   flush    waits until the buffer is empty
//   collection (option) is a rough average, not a flash translation layer: for each page written so many are moved, and a
//            block is erased whenever so many pages were programmed on a die
//   not here reads from the buffer, wear, mapping tables that miss, thermal limits
//
// Servers are booked as backlogs: each does its work as early as it can, in whatever order, so a transfer that is booked for
// later keeps nobody from the channel before that.

import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../../assembly/abi.ts';
import { byteNsOf, NS_PER_US, type StorageModel } from './model.ts';

export interface SsdDescription {
  readonly kind: 'ssd';
  readonly channels: number;
  readonly diesPerChannel: number;
  readonly pageBytes: number;
  readonly readUs: number;
  readonly programUs: number;
  readonly eraseUs: number;
  readonly channelMBps: number;
  readonly linkMBps: number;
  /** Of the firmware for each read; the others come on top of the buffer's. */
  readonly firmwareReadUs: number;
  readonly bufferUs: number;
  readonly bufferUsPer4KiB: number;
  readonly writeBufferBytes: number;
  /** Missing: a fresh disk, that collects nothing. */
  readonly collection?: { readonly pagesMovedPerWrite: number; readonly pagesPerBlock: number } | undefined;
}

export class SsdModel implements StorageModel {
  readonly #ssd: SsdDescription;
  readonly #channelByteNs: number;
  readonly #linkByteNs: number;
  readonly #readNs: number;
  readonly #programNs: number;
  readonly #dies: number;
  readonly #dieFreeNs: Float64Array;
  readonly #channelFreeNs: Float64Array;
  readonly #programmed: Uint32Array;
  #linkInNs = 0;
  #linkOutNs = 0;
  #firmwareNs: number;
  /** Ends of the pages that are being programmed, a ring as large as the buffer; the oldest is overwritten next. */
  readonly #pageEndsNs: Float64Array;
  #pages = 0;
  #filledBytes = 0;
  #nextDie = 0;
  #movesDue = 0;
  /** Of everything that was programmed. */
  #quietNs = 0;

  constructor(ssd: SsdDescription) {
    this.#ssd = ssd;
    this.#dies = ssd.channels * ssd.diesPerChannel;
    this.#dieFreeNs = new Float64Array(this.#dies);
    this.#programmed = new Uint32Array(this.#dies);
    this.#channelFreeNs = new Float64Array(ssd.channels);
    this.#channelByteNs = ssd.channelMBps === 0 ? 0 : byteNsOf(ssd.channelMBps);
    this.#linkByteNs = byteNsOf(ssd.linkMBps);
    this.#readNs = ssd.readUs * NS_PER_US;
    this.#programNs = ssd.programUs * NS_PER_US;
    this.#firmwareNs = ssd.firmwareReadUs * NS_PER_US;
    this.#pageEndsNs = new Float64Array(Math.max(1, Math.floor(ssd.writeBufferBytes / ssd.pageBytes)));
  }

  book(nowNs: number, operation: number, bytes: number, position: number): number {
    if (operation === OPERATION_READ) return this.#read(nowNs, bytes, position);
    if (operation === OPERATION_WRITE) return this.#write(nowNs, bytes);
    const { bufferUs } = this.#ssd;
    return (operation === OPERATION_FLUSH ? this.#empty(nowNs) : nowNs) + bufferUs * NS_PER_US;
  }

  #read(nowNs: number, bytes: number, position: number): number {
    const { channels, pageBytes } = this.#ssd;
    const beginNs = nowNs + this.#firmwareNs;
    let page = Math.floor(position / pageBytes);
    let offset = position - page * pageBytes;
    let left = bytes;
    let endNs = beginNs;
    while (left > 0) {
      const piece = Math.min(left, pageBytes - offset);
      const die = page % this.#dies;
      const channel = die % channels;
      const dieNs = Math.max(beginNs, this.#dieFreeNs[die] as number) + this.#readNs;
      const carriedNs = this.#carry(channel, beginNs + this.#readNs, dieNs, piece);
      // its register is free when the page has left it
      this.#dieFreeNs[die] = carriedNs;
      this.#linkOutNs = Math.max(this.#linkOutNs, beginNs) + piece * this.#linkByteNs;
      endNs = Math.max(endNs, carriedNs + piece * this.#linkByteNs, this.#linkOutNs);
      left -= piece;
      offset = 0;
      page++;
    }
    return endNs;
  }

  /** From `readyNs` on; the channel may do other work before that, as early as `beginNs`. */
  #carry(channel: number, beginNs: number, readyNs: number, bytes: number): number {
    const carryNs = bytes * this.#channelByteNs;
    const backlogNs = Math.max(this.#channelFreeNs[channel] as number, beginNs) + carryNs;
    this.#channelFreeNs[channel] = backlogNs;
    return Math.max(readyNs + carryNs, backlogNs);
  }

  #write(nowNs: number, bytes: number): number {
    const { pageBytes, bufferUs, bufferUsPer4KiB } = this.#ssd;
    this.#linkInNs = Math.max(this.#linkInNs, nowNs) + bytes * this.#linkByteNs;
    let endNs = this.#linkInNs + (bufferUs + (bytes / 4096) * bufferUsPer4KiB) * NS_PER_US;
    this.#filledBytes += bytes;
    while (this.#filledBytes >= pageBytes) {
      this.#filledBytes -= pageBytes;
      // the page takes the place of the oldest one, which must have been programmed
      const slot = this.#pages++ % this.#pageEndsNs.length;
      endNs = Math.max(endNs, this.#pageEndsNs[slot] as number);
      this.#pageEndsNs[slot] = this.#program(endNs);
    }
    return endNs;
  }

  #program(beginNs: number): number {
    const { channels, pageBytes, collection } = this.#ssd;
    const die = this.#nextDie;
    this.#nextDie = (die + 1) % this.#dies;
    const carriedNs = this.#carry(die % channels, beginNs, beginNs, pageBytes);
    let endNs = Math.max(carriedNs, this.#dieFreeNs[die] as number) + this.#programNs;
    if (collection !== undefined) endNs += this.#collect(die, collection);
    this.#dieFreeNs[die] = endNs;
    this.#quietNs = Math.max(this.#quietNs, endNs);
    return endNs;
  }

  /** What a page written costs its die besides. */
  #collect(die: number, collection: NonNullable<SsdDescription['collection']>): number {
    let costNs = 0;
    let programmed = 1;
    for (this.#movesDue += collection.pagesMovedPerWrite; this.#movesDue >= 1; this.#movesDue--) {
      costNs += this.#readNs + this.#programNs;
      programmed++;
    }
    const before = this.#programmed[die] as number;
    this.#programmed[die] = before + programmed;
    const { pagesPerBlock } = collection;
    const isFull = Math.floor((before + programmed) / pagesPerBlock) > Math.floor(before / pagesPerBlock);
    return isFull ? costNs + this.#ssd.eraseUs * NS_PER_US : costNs;
  }

  #empty(nowNs: number): number {
    if (this.#filledBytes > 0) {
      this.#filledBytes = 0;
      this.#pageEndsNs[this.#pages++ % this.#pageEndsNs.length] = this.#program(nowNs);
    }
    return Math.max(nowNs, this.#quietNs);
  }
}
