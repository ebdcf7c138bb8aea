// Every capacity of the core, each with the sum of its reasons. Those given to `initialise` have
// their defaults in bindings/device/limits.ts; those here are part of the layout.

/** Bytes of a bio, of a request (a clone is one too), of an extent. Held by asserts in `initialise`. */
export const BIO_BYTES: u32 = 64;
export const REQUEST_BYTES: u32 = 128;
export const EXTENT_BYTES: u32 = 48;

/** Devices: an I/O names them in 16 bits, and 0xffff is none. Records of any other pool or ring: an id has 20 bits for them. */
export const DEVICES_MAX: u32 = 4096;
export const NO_DEVICE: u16 = 0xffff;
export const RECORDS_MAX: u32 = 1 << 20;

/** Records of a decision ring: one visit of the host may decide about as many. */
export const DECISIONS: u32 = 256;

/** Releases: every prep_map and every map decision of a visit may be refused. */
export const RELEASES: u32 = 2 * DECISIONS;

/** Parts of a bio that may be under way at a time: its counter has 16 bits. */
export const PARTS_MAX: u32 = 0xffff;

/** Requests a plug holds: 32 of one queue, 64 when it spans several (spec-core 2.2). */
export const PLUG_REQUESTS: u32 = 32;
export const PLUG_REQUESTS_MULTIPLE: u32 = 64;
/** 128 KiB: a plug whose last request is this large is flushed before the next is added. */
export const PLUG_FLUSH_SECTORS: u32 = 256;

/** Buckets of each of a queue's two merge indexes; nr_requests is 256 by default, so chains stay about one long. */
export const HASH_BUCKETS: u32 = 512;

/** Newest requests that an elevator without a sector order looks at for a merge. */
export const LOOKBACK: u32 = 8;

/** Devices of a usable set that the core watches for credits, and one more. A larger set works: what is chosen beyond is refused and asked again. */
export const PATH_SLOTS: u32 = 128;

/** Records each device is sure of, so that a held device starves nobody: one in the elevator, one on its way, one splitting, one spare. */
export const BIOS_RESERVED: u32 = 4;
export const REQUESTS_RESERVED: u32 = 4;

/** Nanoseconds. Delayed requeue of a mapped device (spec-core 8.6d). */
export const DELAYED_REQUEUE_NS: f64 = 100000000;

/** Nanoseconds until a queue whose target answered REQUEUE is run again (spec-core 4.4). */
export const RERUN_NS: f64 = 3000000;

/** Nanoseconds after which a flush is sent although writes that began with it are under way (spec-core 2.1). */
export const FLUSH_AGE_NS: f64 = 5000000000;

/** Levels of mapped devices above a backing device. */
export const STACK_LEVELS: u32 = 8;
