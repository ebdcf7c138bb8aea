// What a model is: something that books I/Os. Times are nanoseconds, sizes bytes. A model keeps what is booked already (when
// its arm, its channels, its buffer are free again), so that the end of a call is known when it comes: no events, no queue
// of its own. It serves calls in the order in which they come; to sort them is the elevator's business. One model does
// otherwise: a disk with a command queue (disk-queue.ts) books Infinity, and says the end when it has chosen.

export interface StorageModel {
  /** When a call that arrives now ends, `nowNs` or later; Infinity: not known yet. Calls come with times that never go back. */
  book(nowNs: number, operation: number, bytes: number, position: number): number;
}

/** The unit of most data sheets, and ours. */
export const NS_PER_MS = 1e6;
export const NS_PER_US = 1e3;

/** Megabytes (10^6) a second as nanoseconds for a byte. */
export function byteNsOf(megabytesPerSecond: number): number {
  return 1000 / megabytesPerSecond;
}
