// The ring between the main thread and one path worker: a SharedArrayBuffer, written without locks or allocation.
//
//   0        64                64 + entries * 48          + segments * 8
//   | control | entry | entry … | (address, bytes) | (address, bytes) … |
//
// control, int32 words (all counts run on and wrap; an entry's place is count & (entries - 1)):
//   0 SUBMITTED   main: entries published                 1 COMPLETED   worker: entries done, in order
//   2 SIGNAL      main adds 1 to wake the worker          3 SLEEPING    worker: 1 while it waits on SIGNAL
//   4 STOP        main: leave after the current entry     5 READY      worker: 1 while it serves its ring
//   6 SPIN        main: microseconds to look for work before sleeping
//
// entry, 48 bytes; the worker answers in place, as it works in order:
//   0          8    12          16      20        24         28        32       36      40       44
//   | position | id | operation | bytes | address | segments | segment | handle | claim | status | good bytes |   f64, then u32
//   `operation` is the whole word: flags << 8 beside it.
//   `claim`: 0 new, 1 taken by the worker, 2 taken back by the main thread, 3 taken over by it. Set by compare-exchange, so
//   that an entry behind one that hangs is either never performed or known to be performing. After the answer it holds
//   the call's microseconds, plus CLAIM_DONE.
//     taken back   the ring ends here: the worker stops
//     taken over   the main thread has performed it itself (sharing): the worker passes over it
//
// segments: pairs (address, bytes) for scattered entries, two pairs for each range of a DISCARD (operation.ts). A run of pairs does not wrap; it is free again when its entry
// has completed.
//
// The bell is one for all rings of a pool: the worker rings it once a batch, and only if the main thread has armed it.
//   0 ARMED   1 WAKE (Atomics.waitAsync waits here)

export const RING_ENTRIES = 1024;
export const RING_SEGMENTS = 16384;

export const CONTROL_SUBMITTED = 0;
export const CONTROL_COMPLETED = 1;
export const CONTROL_SIGNAL = 2;
export const CONTROL_SLEEPING = 3;
export const CONTROL_STOP = 4;
export const CONTROL_READY = 5;
export const CONTROL_SPIN = 6;
const CONTROL_BYTES = 64;

const ENTRY_BYTES = 48;
export const ENTRY_WORDS = 12;
export const ENTRY_POSITION = 0; // in doubles
export const ENTRY_ID = 2; // in words from here on
export const ENTRY_OPERATION = 3;
export const ENTRY_LENGTH = 4;
export const ENTRY_ADDRESS = 5;
export const ENTRY_SEGMENTS = 6;
export const ENTRY_SEGMENT = 7;
export const ENTRY_HANDLE = 8;
export const ENTRY_CLAIM = 9;
export const ENTRY_STATUS = 10;
export const ENTRY_GOOD = 11;

export const CLAIM_NEW = 0;
export const CLAIM_TAKEN = 1;
export const CLAIM_TAKEN_BACK = 2;
export const CLAIM_TAKEN_OVER = 3;
/** Added to the microseconds that the call took. */
export const CLAIM_DONE = 4;

export const BELL_ARMED = 0;
export const BELL_WAKE = 1;
export const BELL_BYTES = 64;

/** The views of one ring. Both sides make them once from the same buffer. */
export class RingViews {
  readonly buffer: SharedArrayBuffer;
  readonly control: Int32Array;
  /** Entries as words and as doubles. */
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  readonly segments: Uint32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    const entries = RING_ENTRIES * ENTRY_BYTES;
    this.control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.words = new Uint32Array(buffer, CONTROL_BYTES, entries / 4);
    this.doubles = new Float64Array(buffer, CONTROL_BYTES, entries / 8);
    this.segments = new Uint32Array(buffer, CONTROL_BYTES + entries, RING_SEGMENTS * 2);
  }
}

export function createRing(): RingViews {
  return new RingViews(new SharedArrayBuffer(CONTROL_BYTES + RING_ENTRIES * ENTRY_BYTES + RING_SEGMENTS * 8));
}

/** Wakes whoever armed the bell. Called by the worker, once a batch. */
export function ringBell(bell: Int32Array): boolean {
  if (Atomics.compareExchange(bell, BELL_ARMED, 1, 0) !== 1) return false;
  Atomics.store(bell, BELL_WAKE, 1);
  Atomics.notify(bell, BELL_WAKE);
  return true;
}
