// What the layers say to each other about a device, without importing each other.

/** Limits of a queue. Sectors of 512 bytes; 0 means no limit where so said. Linux's queue limits by their names. */
export interface PathLimits {
  /** Largest request, 1 … 2^22. Default 2560 (1280 KiB). */
  readonly maxSectors: number;
  /** Most separate pieces of memory in a request, 1 … 1024. */
  readonly maxSegments: number;
  /** I/O may not cross a multiple of this; 0: none. */
  readonly chunkSectors: number;
  /** 1 for 512-byte blocks, 8 for 4096. Starts and lengths are multiples of it. */
  readonly logicalBlockSectors: number;
  readonly physicalBlockSectors: number;
  /** Largest DISCARD; 0 or missing: not supported. */
  readonly maxDiscardSectors?: number;
  /** A DISCARD begins and ends on its multiples, shifted by the alignment; what lies outside may be left alone. Default 1. */
  readonly discardGranularitySectors?: number;
  readonly discardAlignmentSectors?: number;
  /** Ranges that one DISCARD may have; above 1 those that do not touch merge too. Default 1. */
  readonly maxDiscardSegments?: number;
  /** Largest WRITE_ZEROES; 0 or missing: not supported. */
  readonly maxWriteZeroesSectors?: number;
  /** Smallest and best I/O, and where the first block begins; told, not enforced. Default 1, 0 (none), 0. */
  readonly ioMinSectors?: number;
  readonly ioOptSectors?: number;
  readonly alignmentOffsetSectors?: number;
  /** Longest piece of memory and boundaries it may not cross, bytes; stacked and told: without DMA they limit nothing. 0: none. */
  readonly maxSegmentBytes?: number;
  readonly segmentBoundaryMask?: number;
  readonly virtualBoundaryMask?: number;
  /** Rotates: the table above is rotational when any of its devices is. Default false. */
  readonly isRotational?: boolean;
  /** The stack does not fit (spec-core 10.6): told, nothing fails. */
  readonly isMisaligned?: boolean;
}

/** A device that a table line names, as a target sees it. */
export interface DeviceReference {
  /** The core's number of the device: what prepMap writes to `io.device`. */
  readonly id: number;
  /** `MAJOR:MINOR`. */
  readonly number: string;
  /** The word that opened it. */
  readonly word: string;
  readonly sizeSectors: number;
  /** Devices with the same number lose or keep the same unflushed writes (rule 12). */
  readonly cacheDomain: number;
  /** False: nothing is held back, a flush is a matter of course. */
  readonly hasCache: boolean;
  /** True: a FUA write is on stable storage when it is answered; false: a flush follows it. Missing: false. */
  readonly hasFua?: boolean;
  readonly limits: PathLimits;
  /** True for a device that takes requests (a mapped request-based one, or a backing device with a queue). */
  readonly isRequestStackable: boolean;
}
