// Real traces: each reads with the counts that were made of it independently.

import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openTrace } from '../../src/trace/open.ts';
import { OPERATION_DISCARD, OPERATION_FLUSH, OPERATION_UNKNOWN } from '../../src/trace/records.ts';
import { Summarizer, type TraceSummary } from '../../src/trace/summary.ts';
import { readAll } from '../support/read-trace.ts';
import { sharedFolder, skipAloud } from '../support/skip.ts';

/** name, format, reads, writes, others, seconds (3 digits count), devices */
type Row = readonly [string, string, number, number, number, number, number];

const ROWS: readonly Row[] = [
  ['ascii/mqsim-tpcc-small.trace', 'mqsim', 4381, 2618, 0, 0.136, 16],
  ['ascii/mqsim-wsrch-small.trace', 'mqsim', 24779, 4, 0, 60.055, 6],
  ['ascii/ssdsim-financial1-head.ascii', 'mqsim', 4077, 5923, 0, 259.601, 22],
  ['ascii/ssdsim-dtrs.trace.gz', 'mqsim', 113123, 13920, 0, 29999.952, 1],
  ['ascii/financial1-mini.spc', 'spc', 183, 766, 0, 28.443, 16],
  ['ascii/disksim-ascii.trace.gz', 'disksim', 79634, 20366, 0, 1532.936, 14],
  ['ascii/ucare-msr-rw20-80.105.trace', 'ucare', 2020, 7980, 0, 242.905, 1],
  ['ascii/ucare-traceB.trace', 'ucare', 13712, 1533, 0, 14998.771, 1],
  ['libcachesim/cloudPhysicsIO.csv.gz', 'libcachesim-csv', 46974, 66898, 0, 7200, 1],
  ['libcachesim/cloudPhysicsIO.vscsi', 'vscsi', 46974, 66898, 0, 7200.09, 1],
  ['libcachesim/cloudPhysicsIO.oracleGeneral.bin', 'oracle-general', 0, 0, 113872, 7200, 1],
  ['blktrace/nvme-rand4k.blktrace.0', 'blktrace', 963, 0, 0, 0.345, 1],
  ['blktrace/loop-x1y2.blktrace.0', 'blktrace', 1024, 0, 0, 0.027, 1],
  ['blktrace/keks', 'blktrace', 0, 1158, 34, 56.332, 1],
  ['blktrace/hdfs-e10/sdb', 'blktrace', 135402, 1907, 0, 169.273, 1],
  ['blkparse/java-nvme-10k.blkparse.txt', 'blkparse', 1695, 0, 0, 0.68, 1],
  ['blkreplay/linux-mysql.load.gz', 'blkreplay', 7187, 73607, 0, 3599.89, 1],
  ['blkreplay/windows-mssql.load.gz', 'blkreplay', 2528, 40448, 0, 3062.338, 1],
  ['blkreplay/windows-shared-server.load.gz', 'blkreplay', 0, 1371, 0, 3597.138, 1],
  ['csv/nexus5-booting.txt.gz', 'nexus5', 12327, 6090, 0, 1398396858.419, 1],
  ['csv/pixel6a-telegram_exec.csv.gz', 'pixel', 24094, 227785, 0, 7474.115, 1],
  ['csv/pixel6a-telegram_precond.csv.gz', 'pixel', 0, 5320, 0, 1034.856, 1],
  ['controller/hfplayer-small-tpch.csv', 'netapp', 0, 780, 0, 0.925, 1],
  ['controller/hfplayer-scrub-512MB-Q1.csv.500', 'netapp', 84, 416, 0, 0.176, 1],
  ['controller/hfplayer-sample_raw.trace', 'netapp', 185, 585, 0, 20.282, 1],
  ['controller/hfplayer-sdi.replay.0', 'btrecord', 183, 469, 0, 0.02, 1],
  ['hdd/atlas10k.trace', 'disksim-validate', 6569, 3431, 0, 461.842, 1],
  ['hdd/hp_c2247a.trace', 'disksim-validate', 5115, 4884, 0, 141.889, 1],
  ['text/bcc-biosnoop-example.txt', 'biosnoop', 0, 21, 0, 5.333, 4],
  ['text/perftools-iosnoop-example.txt', 'iosnoop', 33, 62, 0, 54795.716, 3],
  ['derived/mysql2k.msr.csv', 'msr', 108, 1892, 0, 80.301, 1],
  ['derived/mysql2k.spc', 'spc', 108, 1892, 0, 80.301, 1],
  ['derived/mysql2k.alibaba.csv', 'alibaba', 108, 1892, 0, 80.301, 1],
  ['derived/mysql2k.tencent.csv', 'tencent', 108, 1892, 0, 80, 1],
  ['derived/mysql2k.systor17.csv', 'systor17', 108, 1892, 0, 80.301, 1],
  ['derived/mysql2k.fio-v2.iolog', 'fio-v2', 108, 1892, 0, 0, 1],
  ['derived/mysql2k.fio-v3.iolog', 'fio-v3', 108, 1892, 0, 80.301, 1],
  ['derived/nvme-rand4k.ftrace.txt', 'ftrace', 963, 0, 0, 0.345, 1],
];

const shared = sharedFolder();

if (shared === undefined) skipAloud('real traces: no folder shared beside the repository');
else {
  const folder = join(shared, 'traces');
  for (const [name, format, reads, writes, others, seconds, devices] of ROWS) {
    test(`${name} reads with the counts that are known of it`, async () => {
      const found = await summarize(join(folder, name));
      assert.is(found.format, format);
      assert.is(found.reads, reads);
      assert.is(found.writes, writes);
      assert.is(found.discards + found.flushes + found.unknown, others);
      assert.is(found.skipped, 0, found.firstSkips.join('; '));
      assert.is(Math.round(found.spanSeconds * 1000) / 1000, seconds);
      assert.is(found.devices.length, devices);
    });
  }

  test('the events of recordings are all counted', async () => {
    const hdfs = (await summarize(join(folder, 'blktrace/hdfs-e10/sdb'))).events;
    assert.equal(
      [hdfs['Q'], hdfs['G'], hdfs['I'], hdfs['D'], hdfs['C'], hdfs['M'], hdfs['F'], hdfs['X'], hdfs['R'], hdfs['P']],
      [137309, 138886, 138441, 137358, 81388, 1342, 100, 3019, 9, 127785],
    );
    const keks = await summarize(join(folder, 'blktrace/keks/keks.blktrace.3'));
    assert.equal([keks.from, keks.events['D'], keks.events['C']], ['D', 1192, 1206]);
    const java = (await summarize(join(folder, 'blkparse/java-nvme-10k.blkparse.txt'))).events;
    assert.equal([java['Q'], java['G'], java['I'], java['D'], java['C'], java['U']], [1695, 1695, 1694, 1694, 1694, 1528]);
  });

  test('the same 2,000 I/Os say the same in seven formats', async () => {
    const names = ['systor17.csv', 'spc', 'alibaba.csv', 'msr.csv', 'tencent.csv', 'fio-v2.iolog', 'fio-v3.iolog'];
    const read = await Promise.all(names.map((name) => readAll(join(folder, 'derived', `mysql2k.${name}`))));
    const first = (read[0] as (typeof read)[0]).all;
    assert.is(first.sectors.reduce((sum, sectors) => sum + sectors, 0) * 512, 26_007_552);
    // the stamps of the csv in ticks went through a double when the file was made: they lie 16 ticks apart
    const stepNs = [1, 1000, 1000, 1600, 1e9, Number.POSITIVE_INFINITY, 1000];
    for (const [i, { all }] of read.entries()) {
      assert.equal(
        [all.count, all.sector, all.sectors, all.operation],
        [first.count, first.sector, first.sectors, first.operation],
        names[i],
      );
      for (let row = 0; row < all.count; row++) {
        const apart = Math.abs((all.timeNs[row] as number) - (first.timeNs[row] as number));
        assert.ok(apart <= (stepNs[i] as number), `${names[i]}, record ${row}: ${apart} ns apart`);
      }
    }
  });

  test('the same I/Os say the same as csv and as vscsi, and as blktrace and as ftrace', async () => {
    const csv = (await readAll(join(folder, 'libcachesim/cloudPhysicsIO.csv.gz'))).all;
    const binary = (await readAll(join(folder, 'libcachesim/cloudPhysicsIO.vscsi'))).all;
    assert.equal([csv.sector, csv.sectors, csv.operation], [binary.sector, binary.sectors, binary.operation]);
    const recorded = (await readAll(join(folder, 'blktrace/nvme-rand4k.blktrace.0'), { from: 'D' })).all;
    const printed = (await readAll(join(folder, 'derived/nvme-rand4k.ftrace.txt'))).all;
    assert.equal([printed.sector, printed.sectors], [recorded.sector, recorded.sectors]);
    for (let row = 0; row < printed.count; row++) {
      assert.ok(Math.abs((printed.responseNs[row] as number) - (recorded.responseNs[row] as number)) <= 2000, `record ${row}`);
    }
  });

  test('what is no trace in the folder is refused', async () => {
    try {
      await summarize(join(folder, 'hdd/atlas10k.seek'));
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, /no known trace format/);
    }
  });
}

async function summarize(file: string): Promise<TraceSummary> {
  const trace = await openTrace(file);
  const summarizer = new Summarizer();
  for await (const batch of trace) {
    for (let row = 0; row < batch.count; row++) {
      const operation = batch.operation[row] as number;
      const isEmptyAllowed =
        operation === OPERATION_FLUSH || operation === OPERATION_DISCARD || operation === OPERATION_UNKNOWN;
      assert.ok(isEmptyAllowed || (batch.sectors[row] as number) > 0);
    }
    summarizer.add(batch);
  }
  return summarizer.summary(trace);
}

test.run();
