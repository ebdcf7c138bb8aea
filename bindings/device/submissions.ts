// Stage 1 of 11, the host's side: the submit ring, and the bios that found no record in the core.
//
// Bios of a device without a free record wait here, in order, and so do later ones of it; others pass. Those that would
// rather not wait are refused.
import {
  FLAG_NOWAIT,
  SUBMIT_ADDRESS,
  SUBMIT_BYTES,
  SUBMIT_DEVICE,
  SUBMIT_OPERATION,
  SUBMIT_SECTORS,
  SUBMIT_TAG,
} from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';
import type { Time } from '../time/time.ts';

const NOWAIT = FLAG_NOWAIT << 8;
const WORDS = SUBMIT_BYTES / 4;
const DOUBLES = SUBMIT_BYTES / 8;

interface Waiting {
  readonly sector: number;
  readonly sectors: number;
  readonly address: number;
  readonly operation: number;
  readonly tag: number;
}

export class Submissions {
  /** Bios in the ring. */
  count = 0;
  /** 0: each bio goes on its own, as from a submitter that does not batch. */
  isPlugged = 1;
  readonly #core: Core;
  readonly #time: Time;
  readonly #refuse: (tag: number) => void;
  readonly #capacity: number;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #waiting: Map<number, Waiting[]> = new Map();

  /** `refuse` is told the tags of bios that would have to wait and must not. */
  constructor(core: Core, time: Time, refuse: (tag: number) => void) {
    this.#core = core;
    this.#time = time;
    this.#refuse = refuse;
    this.#capacity = core.submitCapacity;
    this.#words = core.submitWords;
    this.#doubles = core.submitDoubles;
  }

  /** There is no room for one more: `give` first, or `wait`. */
  get isFull(): boolean {
    return this.count === this.#capacity;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  add(device: number, operation: number, sector: number, sectors: number, address: number, tag: number): void {
    if (this.#waiting.size > 0 && this.#waiting.has(device)) {
      this.wait(device, operation, sector, sectors, address, tag);
      return;
    }
    const words = this.#words;
    const at = this.count * WORDS;
    this.#doubles[this.count * DOUBLES] = sector;
    words[at + SUBMIT_SECTORS] = sectors;
    words[at + SUBMIT_ADDRESS] = address;
    words[at + SUBMIT_OPERATION] = operation;
    words[at + SUBMIT_DEVICE] = device;
    words[at + SUBMIT_TAG] = tag;
    this.count++;
  }

  /** Behind those of its device that wait already, or as the first of them. */
  wait(device: number, operation: number, sector: number, sectors: number, address: number, tag: number): void {
    if (operation & NOWAIT) this.#refuse(tag);
    else this.#waitingOf(device).push({ sector, sectors, address, operation, tag });
  }

  #waitingOf(device: number): Waiting[] {
    let waiting = this.#waiting.get(device);
    if (!waiting) {
      waiting = [];
      this.#waiting.set(device, waiting);
    }
    return waiting;
  }

  /** Gives the ring to the core. */
  give(): void {
    const total = this.count;
    this.count = 0;
    let first = 0;
    while (first < total) {
      this.#core.clock[0] = this.#time.now();
      first += this.#core.exports.submit(first, total - first, this.isPlugged);
      if (first < total) first = this.#setAside(first, total);
    }
  }

  /** Takes the bios of one starved device out of the ring from `first` on; returns where the others begin now. */
  #setAside(first: number, total: number): number {
    const words = this.#words;
    const device = words[first * WORDS + SUBMIT_DEVICE] as number;
    const others: number[] = [];
    for (let i = first; i < total; i++) {
      const at = i * WORDS;
      if (words[at + SUBMIT_DEVICE] !== device) {
        others.push(i);
        continue;
      }
      this.wait(
        device,
        words[at + SUBMIT_OPERATION] as number,
        this.#doubles[i * DOUBLES] as number,
        words[at + SUBMIT_SECTORS] as number,
        words[at + SUBMIT_ADDRESS] as number,
        words[at + SUBMIT_TAG] as number,
      );
    }
    // the others move to the ring's end, in order, so that `first … total` is what is left
    const kept = total - others.length;
    for (let i = others.length - 1; i >= 0; i--) {
      const from = (others[i] as number) * WORDS;
      words.copyWithin((kept + i) * WORDS, from, from + WORDS);
    }
    return kept;
  }

  /** Tries the bios that found no record again. The ring is empty. */
  retry(): void {
    for (const [device, waiting] of [...this.#waiting]) {
      this.#waiting.delete(device); // so that `add` takes them
      let taken = 0;
      while (taken < waiting.length) {
        const count = Math.min(waiting.length - taken, this.#capacity);
        for (let i = 0; i < count; i++) {
          const bio = waiting[taken + i] as Waiting;
          this.add(device, bio.operation, bio.sector, bio.sectors, bio.address, bio.tag);
        }
        this.count = 0;
        this.#core.clock[0] = this.#time.now();
        const accepted = this.#core.exports.submit(0, count, 1);
        taken += accepted;
        if (accepted < count) break;
      }
      if (taken < waiting.length) this.#waiting.set(device, waiting.slice(taken));
    }
  }

  /** Drops the bios of these tags, in the ring and of those that wait. */
  withdraw(isDropped: (tag: number) => boolean): void {
    const words = this.#words;
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      const at = i * WORDS;
      if (isDropped(words[at + SUBMIT_TAG] as number)) continue;
      if (kept < i) words.copyWithin(kept * WORDS, at, at + WORDS);
      kept++;
    }
    this.count = kept;
    for (const [device, waiting] of this.#waiting) {
      const left = waiting.filter(({ tag }) => !isDropped(tag));
      if (left.length === 0) this.#waiting.delete(device);
      else if (left.length < waiting.length) this.#waiting.set(device, left);
    }
  }

  clear(): void {
    this.#waiting.clear();
  }
}
