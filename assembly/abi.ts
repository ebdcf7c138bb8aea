// What the core and its host agree on. Compiled by both compilers, so it holds plain
// constants only. Sectors are 512 bytes. Times are nanoseconds in a float64 (exact to 2^53).
//
// Every ring below is an array of fixed records in the core's memory. The host makes its
// views once, after `initialise`, because the memory never grows again.

// ---- operations (the kernel's numbers; odd ones write) ---------------------------------
export const OPERATION_READ = 0;
export const OPERATION_WRITE = 1;
export const OPERATION_FLUSH = 2;
export const OPERATION_DISCARD = 3; // no payload
export const OPERATION_WRITE_ZEROES = 9; // no payload

// ---- flags of a bio or request, beside the operation -----------------------------------
export const FLAG_NOMERGE = 1;
export const FLAG_FAILFAST = 2;
export const FLAG_SYNC = 4;
export const FLAG_CLEAR = 8; // a read's memory may hold somebody else's bytes: a device that holds nothing must zero it
export const FLAG_META = 16;
export const FLAG_FUA = 32; // a write that is on stable storage when it ends
export const FLAG_PREFLUSH = 64; // what was acknowledged before is on stable storage first
export const FLAG_RAHEAD = 128; // a read that may fail rather than wait
export const FLAG_NOWAIT = 256; // ends with AGAIN rather than wait or be split
export const FLAG_NOUNMAP = 512; // WRITE_ZEROES: keep the space
export const FLAG_BACKGROUND = 1024;
// I/O priority, in the same word: class in bits 11 and 12, level (0 … 7) in bits 13 to 15. Only equal ones merge.
export const FLAG_PRIORITY_SHIFT = 11;
export const FLAG_PRIORITY_MASK = 0xf800;
export const PRIORITY_NONE = 0; // counts as best effort
export const PRIORITY_REALTIME = 1;
export const PRIORITY_BEST_EFFORT = 2;
export const PRIORITY_IDLE = 3;

// ---- statuses (the kernel's numbers) ----------------------------------------------------
export const STATUS_OK = 0;
export const STATUS_NOTSUPP = 1;
export const STATUS_TIMEOUT = 2;
export const STATUS_NOSPC = 3;
export const STATUS_TRANSPORT = 4;
export const STATUS_TARGET = 5;
export const STATUS_RESV_CONFLICT = 6;
export const STATUS_MEDIUM = 7;
export const STATUS_PROTECTION = 8;
export const STATUS_RESOURCE = 9;
export const STATUS_IOERR = 10;
export const STATUS_DM_REQUEUE = 11;
export const STATUS_AGAIN = 12;
export const STATUS_DEV_RESOURCE = 13;
export const STATUS_OFFLINE = 17;
export const STATUS_INVAL = 19;
// Statuses of our own: a write whose path neither answered nor was fenced in time.
export const STATUS_UNKNOWN_FATE = 32;
// Ours: the range lies beyond the end of the device.
export const STATUS_BEYOND_END = 33;
// Ours: a write to a read-only device.
export const STATUS_READ_ONLY = 34;

// ---- verdicts of prep_map and map -------------------------------------------------------
export const MAP_SUBMITTED = 0;
export const MAP_REMAPPED = 1;
export const MAP_REQUEUE = 2;
export const MAP_DELAY_REQUEUE = 3;
export const MAP_KILL = 4;

// ---- verdicts of end_io -------------------------------------------------------------------
export const END_DONE = 0;
export const END_INCOMPLETE = 1;
export const END_REQUEUE = 2;
export const END_DELAY_REQUEUE = 3;
export const END_KILL = 4; // not for targets: the host's answer for a hook that misbehaved; the I/O ends with IOERR

// ---- hooks a target asks for (bits of an extent's `hooks`) ------------------------------
export const HOOK_PREP_MAP = 1;
export const HOOK_MAP = 2;
export const HOOK_END_IO_FIRST = 4;
export const HOOK_END_IO = 8;
export const HOOK_END_IO_TOLD = 16; // end_io has nothing to decide about what ended well: it is told, and nothing waits for it

// ---- what a stretch takes besides reads and writes (bits of an extent's `abilities`) -------
export const ABILITY_DISCARD = 1;
export const ABILITY_WRITE_ZEROES = 2;

// ---- kinds of extent ----------------------------------------------------------------------
export const EXTENT_DEVICE = 0;
export const EXTENT_ERROR = 1;
export const EXTENT_ZERO = 2;
// `offset` names records of the extent pool, one for each stripe (device and offset), that no device counts as its own:
// first + stripes * 2^32. `ioSectorsMax` is the chunk.
export const EXTENT_STRIPED = 3;

// ---- kinds of device ------------------------------------------------------------------------
export const DEVICE_BACKING = 1; // owns a queue; a path does its I/O
export const DEVICE_REQUEST = 2; // mapped, request-based
export const DEVICE_BIO = 3; // mapped, bio-based

// ---- elevators --------------------------------------------------------------------------------
export const ELEVATOR_NONE = 0;
export const ELEVATOR_MQ_DEADLINE = 1;
export const ELEVATOR_SCAN = 2; // one-way sweep by sector
export const ELEVATOR_KYBER = 3;

// ---- states of a device ---------------------------------------------------------------------
export const DEVICE_RUNNING = 0;
export const DEVICE_SUSPENDING = 1;
export const DEVICE_SUSPENDED = 2;

// ---- what `run` returns: which rings want the host (bits) ----------------------------------
export const WANT_RELEASE = 1;
export const WANT_END_IO_FIRST = 2;
export const WANT_END_IO = 4;
export const WANT_PREP_MAP = 8;
export const WANT_MAP = 16;
export const WANT_ISSUE = 32;
export const WANT_COMPLETE = 64;
export const WANT_FILL = 128;
export const WANT_ALARM = 256; // FIGURE_ALARM of some device is set
export const WANT_RUN = 512; // once the issue ring is empty, run again: a device in turn has stopped for that
export const WANT_TOLD = 1024;

// ---- submit ring: host -> core, a bio each ------------------------------------------------
//   0        8         12        16              20       24     28
//   | sector | sectors | address | op|flags<<8   | device | tag  | submitter |
export const SUBMIT_BYTES = 32;
export const SUBMIT_SECTOR = 0; // f64
export const SUBMIT_SECTORS = 2; // in 32-bit words from here on
export const SUBMIT_ADDRESS = 3;
export const SUBMIT_OPERATION = 4;
export const SUBMIT_DEVICE = 5;
export const SUBMIT_TAG = 6;

// ---- complete ring: core -> host, an ended bio each -----------------------------------------
//   0     4                                    8                 12
//   | tag | status | attempts<<16              | path | first<<16 | - |
export const COMPLETE_BYTES = 16;
export const COMPLETE_TAG = 0;
export const COMPLETE_STATUS = 1; // status 0..7, attempts 16..31
export const COMPLETE_PATH = 2; // device of the last path 0..15 (0xffff: none), first error 16..23

// ---- issue ring: core -> host, an I/O for a path each -----------------------------------------
//   0        8    12       16        20        24            28          32         36
//   | sector | id | device | sectors | address | operation   | segments  | index of first segment | - |
export const ISSUE_BYTES = 40;
export const ISSUE_SECTOR = 0; // f64
export const ISSUE_ID = 2; // in words
export const ISSUE_DEVICE = 3;
export const ISSUE_SECTORS = 4;
export const ISSUE_ADDRESS = 5;
export const ISSUE_OPERATION = 6; // operation | flags << 8
export const ISSUE_SEGMENTS = 7; // 1: contiguous at `address`; more: see the segment ring
export const ISSUE_SEGMENT = 8;
// segment ring: pairs of (arena address, bytes), valid until the issue ring is cleared. Of a DISCARD with more than one
// range each segment is two pairs: sector (f64); sectors, 0.
export const SEGMENT_BYTES = 8;

// ---- answer ring: host -> core, an I/O that a path has answered --------------------------------
//   0    4        8            12
//   | id | status | good sectors | - |      good sectors: done before the error; all when OK
export const ANSWER_BYTES = 16;
export const ANSWER_ID = 0;
export const ANSWER_STATUS = 1;
export const ANSWER_GOOD = 2;

// ---- decision rings: core -> host -> core, one for each of prep_map, map, end_io_first, end_io,
//      release; the host overwrites `verdict`, `device`, `context`, `sector` in place -----------
//   0        8    12       16        20          24                32       36        40        44
//   | sector | id | target | sectors | op|flags  | issued at (f64) | status | verdict | device  | context |
export const DECISION_BYTES = 48;
export const DECISION_SECTOR = 0; // f64
export const DECISION_ID = 2; // in words
export const DECISION_TARGET = 3; // the host's number of the target instance
export const DECISION_SECTORS = 4;
export const DECISION_OPERATION = 5;
export const DECISION_ISSUED_AT = 3; // in doubles
export const DECISION_STATUS = 8; // end_io_first: in and out. prep_map: first error so far
export const DECISION_VERDICT = 9;
export const DECISION_DEVICE = 10;
export const DECISION_CONTEXT = 11; // the target's own word for this I/O

// fill ring: core -> host, memory to be zeroed before the completions of the same batch are told
//   0         4
//   | address | bytes |
export const FILL_BYTES = 8;

// ---- header: 32-bit words at HEADER_ADDRESS; `address` words are set by `initialise`, counts are
//      written by the side named and cleared by the other ----------------------------------------
export const HEADER_ADDRESS = 16384;
export const HEADER_SUBMIT = 0; // address; capacity follows
export const HEADER_SUBMIT_CAPACITY = 1;
export const HEADER_COMPLETE = 2;
export const HEADER_COMPLETE_COUNT = 3; // core writes, host clears
export const HEADER_ISSUE = 4;
export const HEADER_ISSUE_COUNT = 5; // core writes, host clears
export const HEADER_SEGMENT = 6;
export const HEADER_SEGMENT_COUNT = 7; // core writes, host clears
export const HEADER_ANSWER = 8;
export const HEADER_ANSWER_COUNT = 9; // host writes, core clears
export const HEADER_ANSWER_CAPACITY = 10;
export const HEADER_FILL = 11;
export const HEADER_FILL_COUNT = 12; // core writes, host clears
export const HEADER_RELEASE = 13; // decision rings: address, count; the core clears counts at the next run
export const HEADER_RELEASE_COUNT = 14;
export const HEADER_END_IO_FIRST = 15;
export const HEADER_END_IO_FIRST_COUNT = 16;
export const HEADER_END_IO = 17;
export const HEADER_END_IO_COUNT = 18;
export const HEADER_PREP_MAP = 19;
export const HEADER_PREP_MAP_COUNT = 20;
export const HEADER_MAP = 21;
export const HEADER_MAP_COUNT = 22;
export const HEADER_TRACE = 23;
export const HEADER_TRACE_CAPACITY = 24; // records; a power of two, or 0
export const HEADER_TRACE_HEAD = 25; // records written since the start; the oldest are overwritten
export const HEADER_TRACE_ACTIONS = 26; // which events are recorded: bit `action & 31` of each, 0: none
export const HEADER_BIOS_FREE = 27; // of the shared part of the pool
export const HEADER_REQUESTS_FREE = 28;
export const HEADER_STALE_ANSWERS = 29;
export const HEADER_BYTES_USED = 30;
export const HEADER_DECISION_CAPACITY = 31;
export const HEADER_FAILURE = 32; // the ring of failures
export const HEADER_FAILURE_COUNT = 33; // core writes, host clears
export const HEADER_TIMERS_ARMED = 34; // some device may have a timer: the next is to be asked for
export const HEADER_NOW = 36; // an f64, nanoseconds: the host writes it before `submit` and `run`
export const HEADER_TOLD = 38; // as HEADER_RELEASE: ends that end_io is told of
export const HEADER_TOLD_COUNT = 39;
export const HEADER_WORDS = 40;

// An id is index | generation << 20, bit 31 set for a bio.
export const ID_INDEX_BITS = 20;
export const ID_BIO = 0x80000000;

// ---- trace ring: letters of blktrace, 40 bytes a record ------------------------------------------
//   0      8        16        20       24       26   28       32
//   | time | sector | sectors | device | action | op | detail | source sector |
export const TRACE_BYTES = 40;
// `op` is the operation in its low 4 bits, and the flags above them, without the priority
export const TRACE_FLAGS_SHIFT = 4;
export const TRACE_QUEUE = 81; // Q  bio arrives
export const TRACE_SPLIT = 88; // X  split to limits or targets; detail: sector of the remainder (low word)
export const TRACE_GET_REQUEST = 71; // G
export const TRACE_PLUG = 80; // P
export const TRACE_UNPLUG = 85; // U  detail: requests
export const TRACE_BACK_MERGE = 77; // M
export const TRACE_FRONT_MERGE = 70; // F
export const TRACE_REQUEST_MERGE = 109; // m  two requests become one (blktrace has no letter for it)
export const TRACE_INSERT = 73; // I
export const TRACE_ISSUE = 68; // D
// A  detail: device it came from in the low 16 bits, bios above them (0: it is a bio); source sector: its place there
export const TRACE_REMAP = 65;
export const TRACE_BIOS_SHIFT = 16;
export const TRACE_REQUEUE = 82; // R
export const TRACE_COMPLETE = 67; // C  of a request, or of a bio that came to a bio-based device; detail: status

// ---- failure ring: core -> host, what the kernel would log of I/O that has failed; when it is full no more is told ------
//   0        8        12        16         20         24       28
//   | sector | device | sectors | op|flags | segments | status | - |
export const FAILURE_BYTES = 32;
export const FAILURES = 64;
export const FAILURE_SECTOR = 0; // f64
export const FAILURE_DEVICE = 2; // in words
export const FAILURE_SECTORS = 3;
export const FAILURE_OPERATION = 4; // operation | flags << 8
export const FAILURE_SEGMENTS = 5;
export const FAILURE_STATUS = 6; // STATUS_BEYOND_END: a bio that came to the device did not lie within it

// ---- figures of a device that the host reads or writes in place (`deviceAddress` + word) -----------
export const FIGURE_STATE = 0; // DEVICE_RUNNING …
export const FIGURE_BUSY = 1; // host writes: the target is busy, pull nothing; `kick` after it is not any more
export const FIGURE_IN_FLIGHT = 2; // request-based: started and not requeued; bio-based: bios being mapped or below
export const FIGURE_PATH_IN_FLIGHT = 3; // I/Os issued to it as a path
export const FIGURE_BIOS = 4; // bio records held
export const FIGURE_REQUESTS = 5; // request records held: those of its queue, and the clones it has made
export const FIGURE_QUEUED = 6; // requests in elevator and dispatch lists
export const FIGURE_WAITING = 7; // bios waiting for a request, for mapping, deferred by a suspend
export const FIGURE_DELAYED = 8; // on the delayed requeue list
export const FIGURE_ALARM = 9; // the alarm set by `setAlarm` has gone off; the host clears it
export const FIGURE_MAX_DISCARD_SECTORS = 10; // limits that an answer of the device below may have turned off
export const FIGURE_MAX_WRITE_ZEROES_SECTORS = 11;
export const FIGURE_DISK_IN_FLIGHT = 12;
export const FIGURES = 13;

// ---- regions of statistics: the host lays them down, the core counts -----------------------------------
//   0      4       8       16    24     32       36           48               ... + bounds * 8
//   | next | areas | start | end | step | bounds | area bytes | bounds, f64 ns | areas: AREA_ doubles, then a bin (f64) more than bounds |
// Sectors; start, end and step are of 64 bits. Area i reaches from start + i * step to the next one or the end.
export const REGION_BYTES = 48;
export const REGION_AREAS = 1; // in words
export const REGION_START = 2;
export const REGION_END = 4;
export const REGION_STEP = 6;
export const REGION_BOUNDS = 8;
export const REGION_AREA_BYTES = 9;
export const AREA_READS = 0; // in doubles: ios, merges, sectors, nanoseconds
export const AREA_WRITES = 4;
export const AREA_READS_IN_FLIGHT = 8;
export const AREA_WRITES_IN_FLIGHT = 9;
export const AREA_BUSY_NS = 10;
export const AREA_WEIGHTED_NS = 11;
export const AREA_READ_BUSY_NS = 12;
export const AREA_WRITE_BUSY_NS = 13;
export const AREA_SINCE = 14; // up to when the times are counted
export const AREA_DOUBLES = 15;

// ---- histograms of a device: 3 x 160 buckets of u32; bucket = 4 * log2(ns) in quarter steps ----------
export const HISTOGRAM_QUEUE_TO_DISPATCH = 0;
export const HISTOGRAM_DISPATCH_TO_COMPLETE = 1;
export const HISTOGRAM_QUEUE_TO_COMPLETE = 2;
export const HISTOGRAM_BUCKETS = 160;

// ---- settings of a device, by number for `configureDevice` ---------------------------------------------
export const SETTING_ELEVATOR = 0;
export const SETTING_MAX_SECTORS = 1;
export const SETTING_MAX_SEGMENTS = 2;
export const SETTING_CHUNK_SECTORS = 3;
export const SETTING_LOGICAL_BLOCK_SECTORS = 4;
export const SETTING_DEPTH = 5; // I/Os it takes at a time as a path
export const SETTING_REQUESTS = 6; // nr_requests
export const SETTING_BIOS = 7; // quota of bio records
export const SETTING_NOMERGES = 8;
export const SETTING_READ_ONLY = 9;
export const SETTING_HAS_CACHE = 10;
export const SETTING_INSTANT = 11; // answers inside the core at the end of the batch
export const SETTING_FILLS = 12; // an instant device whose reads are zeros
export const SETTING_KERNEL_PLUG_ORDER = 13; // without an elevator a plug is issued newest first, as golden shows
export const SETTING_READ_EXPIRE = 14; // ms
export const SETTING_WRITE_EXPIRE = 15; // ms
export const SETTING_WRITES_STARVED = 16;
export const SETTING_FIFO_BATCH = 17;
export const SETTING_FRONT_MERGES = 18;
export const SETTING_NO_PLUG = 19; // backing device without a queue of its own
export const SETTING_PULL_EARLY = 20; // without a credit one request leaves the elevator all the same, as in Linux
export const SETTING_MAX_DISCARD_SECTORS = 21; // 0: DISCARD is not supported
export const SETTING_DISCARD_GRANULARITY = 22; // sectors
export const SETTING_DISCARD_ALIGNMENT = 23; // sectors
export const SETTING_MAX_DISCARD_SEGMENTS = 24; // above 1: ranges that do not touch merge too
export const SETTING_MAX_WRITE_ZEROES_SECTORS = 25; // 0: WRITE_ZEROES is not supported
export const SETTING_HAS_FUA = 26; // takes FUA writes itself; else a flush follows them
export const SETTING_PHYSICAL_BLOCK_SECTORS = 27; // a split prefers to end on its multiple
export const SETTING_ASYNC_DEPTH = 28; // requests that may not be reads; 0: the elevator's default
export const SETTING_PRIORITY_AGING_EXPIRE = 29; // ms
export const SETTING_KYBER_READ_LATENCY = 30; // us
export const SETTING_KYBER_WRITE_LATENCY = 31; // us
// One I/O at a time is begun, and what it brings is looked at first, as Linux does with devices that answer at once.
// Without an elevator a request is then one of the device's depth.
export const SETTING_IN_TURN = 32;

// ---- counters of a device: an array of float64, in this order --------------------------------
export const COUNTER_BIOS = 0; // bios arrived
export const COUNTER_BIOS_ENDED = 1;
export const COUNTER_BIO_ERRORS = 2;
export const COUNTER_REQUESTS = 3; // requests made
export const COUNTER_BACK_MERGES = 4;
export const COUNTER_FRONT_MERGES = 5;
export const COUNTER_REQUEST_MERGES = 6;
export const COUNTER_SPLITS = 7;
export const COUNTER_DISPATCHED = 8; // requests started
export const COUNTER_REQUEUES = 9;
export const COUNTER_DELAYED_REQUEUES = 10;
export const COUNTER_REFUSALS = 11; // answered DEV_RESOURCE at issue
export const COUNTER_ISSUED = 12; // I/Os given to this device as a path
export const COUNTER_ISSUED_SECTORS = 13;
export const COUNTER_ANSWERED = 14;
export const COUNTER_PATH_ERRORS = 15;
export const COUNTER_READ_SECTORS = 16;
export const COUNTER_WRITE_SECTORS = 17;
export const COUNTER_FLUSHES = 18;
export const COUNTER_REQUEST_SECTORS = 19; // sectors of the requests started
// disk statistics (spec-core 12): four counters each of reads, writes, discards, flushes: I/Os ended, merges, sectors,
// nanoseconds. A mapped device's requests count from their making to their end, a path's I/Os from issue to answer.
export const COUNTER_DISK_READ = 20;
export const COUNTER_DISK_WRITE = 24;
export const COUNTER_DISK_DISCARD = 28;
export const COUNTER_DISK_FLUSH = 32;
export const DISK_IOS = 0;
export const DISK_MERGES = 1;
export const DISK_SECTORS = 2;
export const DISK_NS = 3;
export const DISK_COUNTERS = 4;
export const COUNTER_DISK_BUSY_NS = 36; // time with I/O in flight, up to when one last ended
export const COUNTERS = 37;
