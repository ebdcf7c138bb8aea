// Bench `claim`: map after merge against merge after map, as the RFC of request-based dm-multipath claims it.
//
// Sequential 4 KiB reads, 128 in flight in a closed loop, over paths that serve one call at a time in 200 µs and 2 µs for
// each KiB. A wave of 128 goes out as one plug when the one before has come back. Request-based the elevator stands above
// the map, bio-based below it, on each path. So request-based a wave is one request on one path while the others wait;
// in the case `streams` there is a submitter for each path with an equal share, and all paths are busy.
//
// What may be expected comes from the service times of the mean sizes: throughput is size over service time, on as many
// paths as a wave has requests. Cases where nothing is won, or something lost, are told like all others.

import { DeviceMapper, type IoBatch, type Lease, type MappedDevice, multipath, OPERATION_READ } from '../../bindings/index.ts';
import type { BenchContext, Result } from './bench.ts';
import { Repetitions } from './median.ts';
import { createRandom } from './places.ts';
import { roundRobin2006 } from './round-robin-2006.ts';

const BLOCK_BYTES = 4096;
const SIZE_BYTES = 2 ** 30;
const IN_FLIGHT = 128;

interface ClaimCase {
  readonly paths: number;
  /** Behind `claim.`; the stock selector's has none of its own. */
  readonly name: string;
  readonly selector: 'round-robin' | 'round-robin-2006';
  readonly repeatCount: number;
  readonly isRandom: boolean;
  readonly submitters: number;
}

type DeviceType = 'request' | 'bio';
const TYPES: readonly DeviceType[] = ['request', 'bio'];

function casesOf(paths: number): ClaimCase[] {
  const stock: ClaimCase = {
    paths,
    name: `${paths}paths`,
    selector: 'round-robin',
    repeatCount: 1,
    isRandom: false,
    submitters: 1,
  };
  const repeated = (repeatCount: number): ClaimCase => {
    return { ...stock, name: `${stock.name}.rr2006-${repeatCount}`, selector: 'round-robin-2006', repeatCount };
  };
  return [
    stock,
    repeated(8),
    repeated(128),
    repeated(1000),
    { ...stock, name: `${stock.name}.streams`, submitters: paths },
    { ...stock, name: `${stock.name}.random`, isRandom: true },
  ];
}

const CASES: readonly ClaimCase[] = [...casesOf(2), ...casesOf(4)];
/** Cases that are compared with what the service times let expect. */
const EXPECTED: readonly string[] = ['2paths', '4paths', '2paths.streams', '4paths.streams'];

/** A path that serves one call at a time, by a server of its own. */
function pathWord(server: string): string {
  return `null:1G?depth=1&delay=200us+2us/KiB&max_sectors=2560&serial=${server}#${server}`;
}

function openCase(mapper: DeviceMapper, one: ClaimCase, type: DeviceType): Promise<MappedDevice> {
  const paths = Array.from({ length: one.paths }, (_, i) => ({ device: pathWord(`path${i}`), args: [one.repeatCount] }));
  const features = { queueMode: type === 'bio' ? ('bio' as const) : ('rq' as const) };
  return mapper.createDevice({
    name: `claim-${type}`,
    table: multipath({ features, groups: [{ selector: one.selector, paths }] }),
  });
}

function createBatch(lease: Lease, lengths: readonly number[]): IoBatch {
  const count = lengths.length;
  let address = lease.address;
  const addresses = lengths.map((length) => {
    address += length;
    return address - length;
  });
  return {
    count,
    operations: new Uint8Array(count).fill(OPERATION_READ),
    positions: new Float64Array(count),
    lengths: Uint32Array.from(lengths),
    addresses: Uint32Array.from(addresses),
    statuses: new Uint8Array(count),
  };
}

interface Measured {
  readonly iops: number;
  /** Mean size of what the paths were given, bytes. */
  readonly meanBytes: number;
}

async function measureCase(
  mapper: DeviceMapper,
  one: ClaimCase,
  type: DeviceType,
  durationMs: number,
  random: () => number,
): Promise<Measured> {
  await using device = await openCase(mapper, one, type);
  const blocks = SIZE_BYTES / BLOCK_BYTES;
  let block = 0;
  const start = performance.now();
  let done = 0;
  const submitter = async (count: number): Promise<void> => {
    using lease = mapper.lease(count * BLOCK_BYTES) as Lease;
    const batch = createBatch(lease, new Array<number>(count).fill(BLOCK_BYTES));
    while (performance.now() - start < durationMs) {
      for (let i = 0; i < count; i++) {
        block = one.isRandom ? Math.floor(random() * blocks) : (block + 1) % blocks;
        batch.positions[i] = block * BLOCK_BYTES;
      }
      const failed = await device.batch(batch);
      if (failed > 0) throw new Error(`bench claim: ${failed} of ${count} reads failed`);
      done += count;
    }
  };
  await Promise.all(Array.from({ length: one.submitters }, () => submitter(IN_FLIGHT / one.submitters)));
  const iops = (done * 1000) / (performance.now() - start);
  const stats = device.stats();
  const issued = stats.paths.reduce((sum, path) => sum + path.issued, 0);
  const issuedBytes = stats.paths.reduce((sum, path) => sum + path.issuedBytes, 0);
  return { iops, meanBytes: issuedBytes / issued };
}

/** Milliseconds that one path takes for one call of so many bytes, by calling it again and again. */
async function measureService(mapper: DeviceMapper, bytes: number, durationMs: number): Promise<number> {
  await using path = await mapper.openPlain(pathWord('service'));
  using lease = mapper.lease(bytes) as Lease;
  const batch = createBatch(lease, [bytes]);
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < durationMs) {
    await path.batch(batch);
    calls++;
  }
  return (performance.now() - start) / calls;
}

async function runTurn(mapper: DeviceMapper, context: BenchContext, random: () => number): Promise<Record<string, number>> {
  const durationMs = context.isQuick ? 20 : 250;
  const figures: Record<string, number> = {};
  for (const one of CASES) {
    for (const type of TYPES) {
      context.signal.throwIfAborted();
      const { iops, meanBytes } = await measureCase(mapper, one, type, durationMs, random);
      figures[`${one.name}.${type}`] = iops;
      figures[`${one.name}.${type}.mean`] = meanBytes;
      if (!EXPECTED.includes(one.name)) continue;
      const size = Math.max(1, Math.round(meanBytes / BLOCK_BYTES)) * BLOCK_BYTES;
      const serviceMs = await measureService(mapper, size, durationMs / 2);
      figures[`${one.name}.${type}.service`] = serviceMs * 1000;
      const busyPaths = Math.min(one.paths, (IN_FLIGHT * BLOCK_BYTES) / meanBytes);
      figures[`${one.name}.${type}.expected`] = (busyPaths * size) / serviceMs;
    }
  }
  return figures;
}

export async function benchClaim(context: BenchContext): Promise<Result[]> {
  await using mapper = new DeviceMapper();
  mapper.registerSelector(roundRobin2006);
  const random = createRandom(2006);
  const turns = context.isQuick ? 1 : 5;
  const repetitions = await Repetitions.run(context, 'claim', turns, () => runTurn(mapper, context, random));
  return CASES.flatMap((one) => tell(repetitions, one.name));
}

function tell(repetitions: Repetitions, name: string): Result[] {
  const result = (figure: string, value: number, unit: string): Result => ({ name: `claim.${name}.${figure}`, value, unit });
  const results = [result('ratio', repetitions.ratio(`${name}.request`, `${name}.bio`), 'ratio')];
  if (EXPECTED.includes(name)) {
    const expected = (value: (figure: string) => number): number =>
      value(`${name}.request.expected`) / value(`${name}.bio.expected`);
    const achieved = repetitions.medianOf((value) => value(`${name}.request`) / value(`${name}.bio`) / expected(value));
    results.push(result('expected', repetitions.medianOf(expected), 'ratio'));
    results.push({ ...result('of-expected', achieved, 'ratio'), reach: { atLeast: 0.8 } });
  }
  for (const type of TYPES) {
    results.push(result(`${type}.iops`, repetitions.median(`${name}.${type}`), 'IOPS'));
    results.push(result(`${type}.mean-size`, repetitions.median(`${name}.${type}.mean`) / 1024, 'KiB'));
    if (!EXPECTED.includes(name)) continue;
    results.push(result(`${type}.service-time`, repetitions.median(`${name}.${type}.service`), 'µs'));
  }
  return results;
}
