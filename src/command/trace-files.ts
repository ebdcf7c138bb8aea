// `rqdm trace info|convert|head|slice|mix|scale|formats`: recorded traces in files and pipes.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { exitOnSignals } from '../interrupt.ts';
import { TraceError } from '../trace/errors.ts';
import { FORMATS } from '../trace/format/registry.ts';
import { openTrace, type TraceOptions } from '../trace/open.ts';
import { writeTrace } from '../trace/output.ts';
import type { Trace } from '../trace/records.ts';
import { Summarizer, summaryText } from '../trace/summary.ts';
import {
  type Batches,
  EVERYTHING,
  head,
  mix,
  type Scale,
  type SliceBounds,
  scale,
  slice,
  sorted,
  UNSCALED,
} from '../trace/transform.ts';
import { findTarget, TARGETS } from '../trace/writer/registry.ts';
import type { TargetFormat } from '../trace/writer/writer.ts';

interface ReadOptions extends Omit<TraceOptions, 'operation' | 'skippedShareMax'> {
  readonly op?: 'read' | 'write';
  readonly skipAtMost?: number;
}

interface WriteOptions extends ReadOptions {
  readonly to: string;
  readonly sort?: boolean;
}

const MORE = `
Formats are found by content; gzip is unpacked. "-" is standard input or output. Times take ns, us, ms, s, min or h (s without a unit),
sizes take K, M, G, T. Of a per-CPU blktrace set, name one file, what their names begin with, or their folder.`;

/** Adds the commands for files to `rqdm trace`. */
export function addTraceFileCommands(trace: Command): void {
  trace.addHelpText('after', MORE);
  readable(trace.command('info').description('what is in a trace, with the figures that show a wrong unit'))
    .argument('[trace]', 'a file, or - for standard input', '-')
    .option('--json', 'print one object')
    .action(info);
  writable(trace.command('convert').description('the same trace in another format, and what that cannot carry'))
    .argument('[trace]', 'a file', '-')
    .argument('[output]', 'a file', '-')
    .action((input: string, output: string, options: WriteOptions) => pass(input, output, options, ({ batches }) => batches));
  writable(trace.command('head').description('the first records of a trace'))
    .argument('[trace]', 'a file', '-')
    .argument('[output]', 'a file', '-')
    .option('-n, --count <n>', 'how many', readCount, 1000)
    .action((input: string, output: string, options: WriteOptions & { count: number }) =>
      pass(input, output, options, ({ batches }) => head(batches, options.count)),
    );
  addSlice(trace);
  addScale(trace);
  addMix(trace);
  trace
    .command('formats')
    .description('the formats that can be read and written')
    .action(() => {
      const targets = new Set(TARGETS.map((target) => target.name));
      for (const { name, summary } of FORMATS) {
        process.stdout.write(`${targets.has(name) ? 'rw' : 'r '} ${name.padEnd(20)} ${summary}\n`);
      }
    });
}

function readable(command: Command): Command {
  return command
    .option('--format <name>', 'the format of the trace (rqdm trace formats)')
    .addOption(new Option('--from <kind>', 'of events: those queued, issued or completed').choices(['Q', 'D', 'C']))
    .option('--strict', 'end at the first record that cannot be used')
    .option('--skip-at-most <share>', 'the share of records that may be left out, 0 to 1 (0.1)', readShare)
    .addOption(new Option('--op <operation>', 'the direction, where a format has none').choices(['read', 'write']))
    .addOption(
      new Option('--time-unit <unit>', 'the unit of stamps, where a format is used with several').choices([
        's',
        'ms',
        'us',
        'ns',
      ]),
    )
    .option('--address-bytes <n>', 'the bytes of an address unit, where a format is used with several', readAddressBytes)
    .option('--spread', 'stamps of whole seconds: spread what came in one over it')
    .addOption(new Option('--wait <meaning>', 'what fio iolog 2 means by wait').choices(['ms-since-start', 'us-relative']))
    .option('--single', 'of a per-CPU blktrace set, only the file that was named');
}

function writable(command: Command): Command {
  return readable(command)
    .option('--to <format>', `the format to write: ${TARGETS.map((target) => target.name).join(', ')}`, 'rqdm')
    .option('--sort', 'put the records in the order of their times first (in memory)');
}

function traceOptions(options: ReadOptions): TraceOptions {
  const { op, skipAtMost, format, from, strict, timeUnit, addressBytes, spread, wait, single } = options;
  const given = {
    format,
    from,
    strict,
    timeUnit,
    addressBytes,
    spread,
    wait,
    single,
    operation: op,
    skippedShareMax: skipAtMost,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as TraceOptions;
}

function openInput(input: string, options: ReadOptions): Promise<Trace> {
  return openTrace(input === '-' ? process.stdin : input, traceOptions(options));
}

async function info(input: string, options: ReadOptions & { json?: boolean }): Promise<void> {
  const trace = await openInput(input, options);
  const summarizer = new Summarizer();
  for await (const batch of trace) summarizer.add(batch);
  const summary = summarizer.summary(trace);
  process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : summaryText(summary));
  if (options.json) sayTrouble(trace, true);
}

/** Reads one trace, changes it and writes it. */
async function pass(
  input: string,
  output: string,
  options: WriteOptions,
  change: (source: { batches: Batches; trace: Trace }) => Batches,
): Promise<void> {
  const target = findTarget(options.to);
  refuseTerminal(output, options.to);
  using _signals = exitOnSignals();
  const trace = await openInput(input, options);
  try {
    const batches = options.sort ? sorted(trace) : trace;
    const written = await writeTrace(change({ batches, trace }), {
      target,
      output,
      isStrict: options.strict === true,
      name: input === '-' ? 'the trace' : input,
      devices: () => trace.devices,
      about: () => trace,
      skipped: () => trace.skips.count,
    });
    sayTrouble(trace, false);
    for (const loss of written.losses) say(loss);
  } finally {
    // standard input that nobody reads to its end would hold the process
    await trace.close();
  }
}

/** Bytes of a binary format are nothing to look at. */
function refuseTerminal(output: string, format: string): void {
  if (output !== '-' || !process.stdout.isTTY || (format !== 'rqdm' && format !== 'blktrace')) return;
  throw new TraceError(`${format} is binary: name a file, pipe it on, or choose a text format with --to`);
}

function sayTrouble(trace: Trace, isSkipsOnly: boolean): void {
  if (trace.skips.count > 0) {
    say(`${trace.skips.count} records are left out`);
    for (const first of trace.skips.first) say(`  ${first}`);
  }
  if (!isSkipsOnly) for (const note of trace.notes) say(note);
}

function say(text: string): void {
  process.stderr.write(`rqdm trace: ${text}\n`);
}

interface SliceOptions extends WriteOptions {
  readonly time?: readonly [number, number];
  readonly index?: readonly [number, number];
  readonly sectors?: readonly [number, number];
  readonly device?: readonly string[];
}

function addSlice(trace: Command): void {
  writable(trace.command('slice').description('the records inside bounds: A..B, without B, either may be left out'))
    .argument('[trace]', 'a file', '-')
    .argument('[output]', 'a file', '-')
    .option('--time <A..B>', 'by time since the first record', (text) => readRange(text, readDuration))
    .option('--index <A..B>', 'by number, from 0', (text) => readRange(text, readCount))
    .option('--sectors <A..B>', 'those that lie in these sectors of 512 bytes', (text) => readRange(text, readCount))
    .option('--device <name>', 'of this device; may be given again', (name, before: string[] = []) => [...before, name])
    .action((input: string, output: string, options: SliceOptions) =>
      pass(input, output, options, ({ batches, trace }) => slice(batches, trace.devices, boundsOf(options))),
    );
}

function boundsOf({ time, index, sectors, device }: SliceOptions): SliceBounds {
  return {
    ...EVERYTHING,
    ...(time && { fromNs: time[0], toNs: time[1] }),
    ...(index && { fromIndex: index[0], toIndex: index[1] }),
    ...(sectors && { fromSector: sectors[0], toSector: sectors[1] }),
    ...(device && { devices: new Set(device) }),
  };
}

interface ScaleOptions extends WriteOptions {
  readonly time: number;
  readonly space: number;
  readonly align: number;
  readonly wrap?: number;
  readonly addTime: number;
  readonly addSectors: number;
}

function addScale(trace: Command): void {
  writable(trace.command('scale').description('times and addresses multiplied, moved or wrapped'))
    .argument('[trace]', 'a file', '-')
    .argument('[output]', 'a file', '-')
    .option('--time <factor>', 'multiply times: 0.5 is twice as fast', readFactor, 1)
    .option('--space <factor>', 'multiply addresses', readFactor, 1)
    .option('--align <bytes>', 'multiplied addresses are rounded down to these', readBytes, 4096)
    .option('--wrap <bytes>', 'fold addresses into a device of this size', readBytes)
    .option('--add-time <time>', 'later by this', readDuration, 0)
    .option('--add-sectors <n>', 'behind by this', readCount, 0)
    .action((input: string, output: string, options: ScaleOptions) =>
      pass(input, output, options, ({ batches }) => scale(batches, scaleOf(options))),
    );
}

function scaleOf(options: ScaleOptions): Scale {
  return {
    ...UNSCALED,
    time: options.time,
    space: options.space,
    alignSectors: Math.max(1, Math.floor(options.align / 512)),
    wrapSectors: options.wrap === undefined ? undefined : Math.floor(options.wrap / 512),
    addNs: options.addTime,
    addSectors: options.addSectors,
  };
}

interface MixOptions extends WriteOptions {
  readonly output: string;
  readonly offset?: readonly number[];
  readonly join?: boolean;
}

function addMix(trace: Command): void {
  writable(trace.command('mix').description('several traces as one, by their times'))
    .argument('<traces...>', 'files; one of them may be -')
    .option('-o, --output <file>', 'where to write', '-')
    .option('--offset <time>', 'when a trace begins; once for each, in their order', (text, before: number[] = []) => [
      ...before,
      readDuration(text),
    ])
    .option('--join', 'devices of equal names are the same; else they are kept apart')
    .action(mixTraces);
}

async function mixTraces(inputs: string[], options: MixOptions): Promise<void> {
  const target = findTarget(options.to);
  refuseTerminal(options.output, options.to);
  if (inputs.filter((input) => input === '-').length > 1) throw new TraceError('standard input can be one of the traces only');
  const offsets = options.offset ?? [];
  if (offsets.length > inputs.length) throw new TraceError(`${offsets.length} offsets for ${inputs.length} traces`);
  const traces: Trace[] = [];
  using _signals = exitOnSignals();
  try {
    for (const input of inputs) traces.push(await openInput(input, options));
    await writeMix(traces, target, options);
  } finally {
    await Promise.all(traces.map((trace) => trace.close()));
  }
}

async function writeMix(traces: readonly Trace[], target: TargetFormat, options: MixOptions): Promise<void> {
  const offsets = options.offset ?? [];
  const names: string[] = [];
  const parts = traces.map((trace, i) => ({
    trace,
    batches: scale(options.sort ? sorted(trace) : trace, { ...UNSCALED, addNs: offsets[i] ?? 0 }),
  }));
  const written = await writeTrace(mix(parts, options.join === true, names), {
    target,
    output: options.output,
    isStrict: options.strict === true,
    name: 'one of the traces',
    devices: () => names,
    about: () => ({ isTimed: traces.some(({ isTimed }) => isTimed), beganSeconds: undefined }),
    skipped: () => traces.reduce((sum, { skips }) => sum + skips.count, 0),
  });
  for (const trace of traces) sayTrouble(trace, false);
  for (const loss of written.losses) say(loss);
}

function readCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

function readAddressBytes(text: string): number {
  const bytes = readCount(text);
  if (bytes < 512 || bytes > 2 ** 30 || bytes % 512 !== 0) throw new InvalidArgumentError('Expected a multiple of 512.');
  return bytes;
}

function readShare(text: string): number {
  const share = Number(text);
  if (!/^[\d.]+$/.test(text) || !(share >= 0 && share <= 1)) throw new InvalidArgumentError('Expected a share from 0 to 1.');
  return share;
}

function readFactor(text: string): number {
  const factor = Number(text);
  if (!/^[\d.]+(e-?\d+)?$/i.test(text) || !(factor > 0) || !Number.isFinite(factor)) {
    throw new InvalidArgumentError('Expected a factor above 0.');
  }
  return factor;
}

const DURATION_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, min: 60e9, h: 3600e9, '': 1e9 };

function readDuration(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ns|us|ms|s|min|h|)$/.exec(text);
  if (!found) throw new InvalidArgumentError('Expected a time such as 10s or 250ms.');
  return Math.round(Number(found[1]) * (DURATION_NS[found[2] as string] as number));
}

const SIZES: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

function readBytes(text: string): number {
  const found = /^(\d{1,15})([KMGT]?)$/i.exec(text);
  const bytes = found ? Number(found[1]) * (SIZES[(found[2] as string).toUpperCase()] as number) : 0;
  if (bytes < 512 || bytes > Number.MAX_SAFE_INTEGER)
    throw new InvalidArgumentError('Expected a size of 512 bytes or more, such as 100G.');
  return bytes;
}

function readRange(text: string, read: (text: string) => number): readonly [number, number] {
  const found = /^(.*?)\.\.(.*)$/.exec(text);
  if (!found) throw new InvalidArgumentError('Expected A..B.');
  const from = found[1] === '' ? 0 : read(found[1] as string);
  const to = found[2] === '' ? Number.POSITIVE_INFINITY : read(found[2] as string);
  if (from > to) throw new InvalidArgumentError('Expected A..B with A not after B.');
  return [from, to];
}
