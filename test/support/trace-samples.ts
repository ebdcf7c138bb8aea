// A small trace in every format that can be read, made here: four I/Os, of which the first two are a write of 8 sectors at sector 1000 and a
// read of 16 sectors at 2048, 1 ms later.

export interface TraceSample {
  readonly format: string;
  readonly bytes: Buffer;
  /** Records that come out, by operation. */
  readonly reads: number;
  readonly writes: number;
  readonly others?: number;
  /** False where the format has no times, or none finer than a second. */
  readonly hasTimes?: boolean;
}

const text = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\n')}\n`, 'latin1');

function blktraceRecord(
  action: number,
  category: number,
  ns: number,
  sector: number,
  bytes: number,
  version = 7,
  payload = '',
): Buffer {
  const isWide = version === 8;
  const size = isWide ? 64 : 48;
  const record = Buffer.alloc(size + payload.length);
  record.writeUInt32LE(0x65617400 + version, 0);
  record.writeBigUInt64LE(BigInt(ns), 8);
  record.writeBigUInt64LE(BigInt(sector), 16);
  record.writeUInt32LE(bytes, 24);
  record.writeUInt32LE(action, isWide ? 32 : 28);
  if (isWide) record.writeUInt32LE(category, 36);
  else record.writeUInt16LE(category, 30);
  record.writeUInt32LE(77, isWide ? 28 : 32);
  record.writeUInt32LE((8 << 20) | 16, isWide ? 40 : 36);
  record.writeUInt16LE(payload.length, isWide ? 50 : 46);
  record.write(payload, size, 'latin1');
  return record;
}

export function blktraceSample(version: number): Buffer {
  const at = (action: number, category: number, ns: number, sector: number, bytes: number, payload?: string): Buffer =>
    blktraceRecord(action, category, 5_000_000_000 + ns, sector, bytes, version, payload);
  return Buffer.concat([
    at(0, 0x400, -4_000_000_000, 0, 0, 'process\0'),
    at(1, 0x2 | 0x10, 0, 1000, 4096),
    at(1, 0x1 | 0x10, 1_000_000, 2048, 8192),
    at(2, 0x1 | 0x10, 1_100_000, 2064, 512, 'x'),
    at(8, 0x2 | 0x80, 1_500_000, 1000, 4096),
    at(1, 0x2 | 0x10 | 0x8, 2_000_000, 50, 512),
    at(1, 0x2 | 0x4 | 0x10, 3_000_000, 0, 0),
  ]);
}

/** Every field of the fixed part in the other byte order. */
function swapped(bytes: Buffer): Buffer {
  const turned = Buffer.from(bytes);
  for (let at = 0; at < turned.length; ) {
    const payload = bytes.readUInt16LE(at + 46);
    for (const [offset, width] of [
      [0, 4],
      [4, 4],
      [8, 8],
      [16, 8],
      [24, 4],
      [28, 4],
      [32, 4],
      [36, 4],
      [40, 4],
      [44, 2],
      [46, 2],
    ] as const) {
      turned.subarray(at + offset, at + offset + width).reverse();
    }
    at += 48 + payload;
  }
  return turned;
}

function vscsi(layout: 1 | 2): Buffer {
  const size = layout === 1 ? 32 : 40;
  const ios: [number, number, number, number][] = [
    [0x2a, 1000, 4096, 0],
    [0x28, 2048, 8192, 1000],
    [0x2a, 50, 512, 2000],
    [0x88, 7, 512, 3000],
  ];
  return Buffer.concat(
    ios.map(([command, sector, bytes, us], i) => {
      const record = Buffer.alloc(size);
      record.writeUInt32LE(i, layout === 1 ? 0 : 4);
      record.writeUInt32LE(bytes, layout === 1 ? 4 : 8);
      record.writeUInt16LE(command, layout === 1 ? 12 : 0);
      record.writeUInt16LE(layout << 8, layout === 1 ? 14 : 2);
      record.writeBigUInt64LE(BigInt(sector), 16);
      record.writeBigUInt64LE(BigInt(5_632_000_000_000 + us), 24);
      if (layout === 2) record.writeBigUInt64LE(250n, 32);
      return record;
    }),
  );
}

function oracle(recordBytes: 24 | 27): Buffer {
  const ios: [number, number, number][] = [
    [500, 1000, 4096],
    [500, 2048, 8192],
    [501, 50, 512],
    [502, 7, 512],
  ];
  return Buffer.concat(
    ios.map(([seconds, object, bytes]) => {
      const record = Buffer.alloc(recordBytes);
      record.writeUInt32LE(seconds, 0);
      record.writeBigUInt64LE(BigInt(object), 4);
      record.writeUInt32LE(bytes, 12);
      record.writeBigInt64LE(-1n, recordBytes - 8);
      return record;
    }),
  );
}

function btrecord(): Buffer {
  const wide = (...numbers: number[]): Buffer => {
    const bytes = Buffer.alloc(numbers.length * 8);
    numbers.forEach((number, i) => {
      bytes.writeBigUInt64LE(BigInt(number), i * 8);
    });
    return bytes;
  };
  return Buffer.concat([
    wide(0x10000, 0, 3, 5),
    wide(1, 400),
    wide(1000, 4096, 0),
    wide(1, 1_000_400),
    wide(2048, 8192, 1),
    wide(2, 2_000_400),
    wide(50, 512, 0),
    wide(7, 512, 1),
  ]);
}

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e';

/** All of them. */
export const TRACE_SAMPLES: readonly TraceSample[] = [
  { format: 'blktrace', bytes: blktraceSample(7), reads: 1, writes: 2, others: 1 },
  { format: 'blktrace', bytes: blktraceSample(8), reads: 1, writes: 2, others: 1 },
  { format: 'blktrace', bytes: swapped(blktraceSample(7)), reads: 1, writes: 2, others: 1 },
  {
    format: 'blkparse',
    bytes: text(
      '  8,16   0        1     0.000000000  4020  Q   W 1000 + 8 [a b]',
      '  8,16   0        2     0.001000000  4020  Q   R 2048 + 16 [c]',
      '  8,16   1        3     0.001100000  4020  G   R 2048 + 16 [c]',
      '  8,16   1        4     0.001200000     0  C   W 1000 + 8 [0]',
      '  8,16   0        5     0.002000000  4020  Q FWFSM 50 + 1 [x]y]',
      '  8,16   0        6     0.003000000  4020  Q  FN [z]',
      'CPU0 (sdb):',
      ' Reads Queued:           1,        8KiB',
      'Total (sdb):',
    ),
    reads: 1,
    writes: 2,
    others: 1,
  },
  {
    format: 'ftrace',
    bytes: text(
      '# tracer: nop',
      '  my app-x-212   [001] ..... 10.000000: block_rq_issue: 8,16 W 4096 () 1000 + 8 [app]',
      '       app-212   [001] ..... 10.001000: block_rq_issue: 8,16 R 8192 () 2048 + 16 none,0,0 [app]',
      '    <idle>-0     [001] d.h1. 10.001500: block_rq_complete: 8,16 W () 1000 + 8 [0]',
      '       app-212   ( 200) [001] .... 10.002000: block_rq_issue: 8,16 WS 512 () 50 + 1 [app]',
      '       app-212   [001] .... 10.003000: block_rq_issue: 8,16 FF 0 () 18446744073709551615 + 0 [app]',
      'CPU:1 [LOST 3 EVENTS]',
    ),
    reads: 1,
    writes: 2,
    others: 1,
  },
  {
    format: 'ftrace',
    bytes: text(
      'fio  3001 [002]  10.000000000:  block:block_bio_queue: 8,16 W 1000 + 8 [fio]',
      'fio  3001 [002]  10.001000000:  block:block_bio_queue: 8,16 R 2048 + 16 [fio]',
      'fio  3001 [002]  10.002000000:  block:block_bio_queue: 8,16 W 50 + 1 [fio]',
    ),
    reads: 1,
    writes: 2,
  },
  {
    format: 'biosnoop',
    bytes: text(
      'TIME(s)     COMM           PID    DISK    T SECTOR     BYTES  QUE(ms) LAT(ms)',
      '0.001000    super vise     1950   xvda1   W 1000       4096       0.10    0.90',
      '0.002000    supervise      1950   xvda1   R 2048       8192       0.10    0.90',
      '0.002068    supervise      1950           R 50         512        0.00    0.01',
    ),
    reads: 2,
    writes: 1,
  },
  {
    format: 'iosnoop',
    bytes: text(
      'Tracing block I/O. Ctrl-C to end.',
      'STARTs         ENDs           COMM             PID    TYPE DEV      BLOCK        BYTES     LATms',
      '100.000000     100.000500     super vise       1809   W    202,1    1000         4096      0.50',
      '100.001000     100.001500     supervise        1809   RM   202,1    2048         8192      0.50',
    ),
    reads: 1,
    writes: 1,
  },
  {
    format: 'fio-v2',
    bytes: text(
      'fio version 2 iolog',
      '/dev/sda add',
      '/dev/sda open',
      '/dev/sda write 512000 4096',
      '/dev/sda wait 1 0',
      '/dev/sda read 1048576 8192',
      '/dev/sda trim 0 4096',
      '/dev/sda sync 0 0',
      '/dev/sda close',
    ),
    reads: 1,
    writes: 1,
    others: 2,
  },
  {
    format: 'fio-v3',
    bytes: text(
      'fio version 3 iolog',
      '0 /dev/sda add',
      '0 /dev/sda open',
      '7 /dev/sda write 512000 4096',
      '1007 /dev/sda read 1048576 8192',
      '2000 /dev/sda trim 0 4096',
      '2001 /dev/sda datasync 0 0',
      '3000 /dev/sda close',
    ),
    reads: 1,
    writes: 1,
    others: 2,
  },
  {
    format: 'msr',
    bytes: text(
      '128166372000000000,usr,1,Write,512000,4096,300',
      '128166372000010000,usr,1,Read,1048576,8192,551',
      '128166372000020000,web,0,Read,0,512,1',
    ),
    reads: 2,
    writes: 1,
  },
  {
    format: 'spc',
    bytes: text('0,1000,4096,w,0.000000', '0,2048,8192,R,0.001000', '1,7,500,r,0.002000,x,y'),
    reads: 2,
    writes: 1,
  },
  {
    format: 'alibaba',
    bytes: text(
      'device_id,opcode,offset,length,timestamp',
      '3,W,512000,4096,1577808000000000',
      '3,R,1048576,8192,1577808000001000',
      '4,R,0,512,1577808000002000',
    ),
    reads: 2,
    writes: 1,
  },
  {
    format: 'tencent',
    bytes: text('1538323200,1000,8,1,1283', '1538323200,2048,16,0,1283', '1538323201,7,1,0,1284'),
    reads: 2,
    writes: 1,
    hasTimes: false,
  },
  {
    format: 'systor17',
    bytes: text(
      'Timestamp,Response,IOType,LUN,Offset,Size',
      '1456300800.000000000,0.000050000,W,0,512000,4096',
      '1456300800.001000000,,R,0,1048576,8192',
      '1456300800.002000000,,R,0,0,512',
    ),
    reads: 2,
    writes: 1,
  },
  {
    format: 'libcachesim-csv',
    bytes: text('version,time,op,size,lbn', '1,500,2a,4096,1000', '1,500,28,8192,2048', '1,501,88,512,7'),
    reads: 2,
    writes: 1,
    hasTimes: false,
  },
  {
    format: 'pixel',
    bytes: text(
      'proces,device,rw_flag,sector,size,timestamp',
      'a,b-c-12,8388608,W,1000,8,653.000000',
      '<...>-4922,8388608,R,2048,16,653.001000',
      'kworker/u17:0-5,8388608,R,7,1,653.002000',
    ),
    reads: 2,
    writes: 1,
  },
  {
    format: 'nexus5',
    bytes: text(
      '1000\t\t8\t\t4096\t\t5\t\t1.740000000\t\t1.740012815\t\t1.740051877\t\t1.741075471',
      '2048\t\t17\t\t8192\t\t4\t\t1.741000000\t\t1.741177190\t\t1.741193648\t\t1.741418961',
    ),
    reads: 1,
    writes: 1,
  },
  {
    format: 'netapp',
    bytes: text(
      '#DUMP_OFFSET.I,ELAPSED_USECS.D,CMD.S,SEQID.I,LUN_SSID.I,LBA.I,NBLKS.I,HOST_ID.I,LATENCY_USECS.D',
      '0,10.000,WR_IN,5,1,1000,8,7,0.000',
      '1,1010.000,RD_IN,6,1,2048,16,7,39.964',
      '2,1400.0,WR_OUT,5,0,0,0,0,1390.000',
    ),
    reads: 1,
    writes: 1,
  },
  {
    format: 'fiu',
    bytes: text(`89966104223000 4892 sys logd 1000 8 W 6 0 ${MD5}`, `89966105223000 2522 kjournald 2048 16 R 6 0 ${MD5}`),
    reads: 1,
    writes: 1,
  },
  {
    format: 'blkreplay',
    bytes: text(
      'A licence, say.',
      '#####',
      'start ; sector; length ; op ;  replay_delay=0 ; replay_duration=0',
      '   0.000000000 ;  1000 ;    8 ; W ; 0.0 ; 0.0',
      '   0.001000000 ;  2048 ;   16 ;RA ; 0.0 ; 0.0005',
    ),
    reads: 1,
    writes: 1,
  },
  {
    format: 'disksim',
    bytes: text('13.000000 30 1000 8 0', '14.000000\t30\t2048\t16\t1', '15.5 17 7 1 3'),
    reads: 2,
    writes: 1,
  },
  {
    format: 'disksim-validate',
    bytes: text('W Hit 1000 8 663.00000 1000.00000', 'R Miss 2048 16 6657.00000 64047.00000'),
    reads: 1,
    writes: 1,
  },
  { format: 'ucare', bytes: text('0.000 0 512000 4096 0', '1.000 0 1048576 8192 1', '2.5 0 0 512 1'), reads: 2, writes: 1 },
  { format: 'mqsim', bytes: text('938513000 4 1000 8 0', '939513000 4 2048 16 1', '940000000 5 7 1 1'), reads: 2, writes: 1 },
  { format: 'vscsi', bytes: vscsi(1), reads: 2, writes: 2 },
  { format: 'vscsi', bytes: vscsi(2), reads: 2, writes: 2 },
  { format: 'oracle-general', bytes: oracle(24), reads: 0, writes: 0, others: 4, hasTimes: false },
  { format: 'oracle-general-opns', bytes: oracle(27), reads: 0, writes: 0, others: 4, hasTimes: false },
  { format: 'btrecord', bytes: btrecord(), reads: 2, writes: 2 },
];
