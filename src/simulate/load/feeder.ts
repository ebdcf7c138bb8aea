// Where I/Os come from. The run asks each feeder when it wants to submit, moves time there, and lets it: what one call of
// `feed` submits is one plug of one task.

/** Takes what a feeder submits. Bytes; `arrivedNs` is when the I/O came into being, from which on its caller waits. */
export interface Intake {
  /** I/Os that may be submitted now. The feeder keeps the others, and they wait for it. */
  readonly room: number;
  /** `operation` is the core's OPERATION_ number, with FLAG_ bits shifted left by 8. */
  take(operation: number, position: number, length: number, arrivedNs: number): void;
}

export interface Feeder {
  readonly name: string;
  /** When `feed` wants to be called; Infinity: not before one of its I/Os has ended, or never again. */
  atNs: number;
  /** Nothing will come any more. */
  isOver: boolean;
  /** It must be refilled before it can say anything. */
  isEmpty: boolean;
  /** I/Os that lay beyond the end of the device and began again at its beginning. */
  wrapped: number;
  refill(): Promise<void>;
  /** Submits one plug at most. */
  feed(nowNs: number, intake: Intake): void;
  /** One of its I/Os has ended; the caller of a closed loop goes on after `pauseNs` (resting.ts), or at once where that is 0. */
  ended(nowNs: number, pauseNs: number): void;
  close(): Promise<void>;
}
