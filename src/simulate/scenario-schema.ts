// How a scenario is written: its schema, with the field's own words where there are some. Sizes and times are texts with a
// unit; here they become bytes and nanoseconds.

import { z } from 'zod';
import type { LinkSettings, Load, Scenario } from './scenario.ts';
import { checkScenario } from './scenario-checks.ts';
import { STATUS_BY_NAME } from './status-names.ts';
import { parseBytes, parseDuration } from './units.ts';

const NAME = z.string().regex(/^[A-Za-z0-9_.-]+$/, 'expected a name of letters, digits, _ . -');

/** An object with these fields and no others; whoever misspells one is told which there are. */
function fields<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown field ${issue.keys.map((key: string) => `"${key}"`).join(', ')}: expected one of ${Object.keys(shape).join(', ')}`
        : undefined,
  });
}

const duration = z
  .union([z.string(), z.number()], { error: 'expected a time such as 10s, 5ms or 200us' })
  .transform((text, context) => {
    const ns = parseDuration(text);
    if (ns !== undefined) return ns;
    context.addIssue({ code: 'custom', message: `expected a time such as 10s, 5ms or 200us, got ${JSON.stringify(text)}` });
    return z.NEVER;
  });

const size = z
  .union([z.string(), z.number()], { error: 'expected bytes, a multiple of 512, such as 4k, 64M or 1T' })
  .transform((text, context) => {
    const bytes = parseBytes(text);
    if (bytes !== undefined && bytes > 0 && bytes % 512 === 0) return bytes;
    context.addIssue({
      code: 'custom',
      message: `expected bytes, a multiple of 512, such as 4k, 64M or 1T, got ${JSON.stringify(text)}`,
    });
    return z.NEVER;
  });

/** A time above 0. */
const span = duration.refine((ns) => ns > 0, 'expected a time above 0');

const count = z.number().int().min(1);
const share = z.number().min(0).max(1);

const settings = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean()], { error: 'expected a number, a text, true or false' }),
);

const BLOCK_BYTES_MAX = 32 * 2 ** 20;
/** A row of the series for each path and bin: not more than can be kept. */
const BIN_NS_MIN = 1e6;
/** Microseconds: a quarter of an hour. */
const DELAY_US_MAX = 1e9;

const plug = fields({
  /** I/Os of one task that follow each other within so much are one plug, submitted with the last of them. */
  window: duration.default(0),
  /** A plug holds at most so many. */
  ios: count.default(32),
});

const traceLoad = fields({
  trace: z.string().min(1),
  /** Which of blktrace's events. */
  from: z.enum(['Q', 'D', 'C']).optional(),
  format: z.string().optional(),
  /** For formats that do not say which. */
  operation: z.enum(['read', 'write']).optional(),
  /** Of whole seconds: spread what came in one evenly over it. */
  spread: z.boolean().optional(),
  loop: z.enum(['open', 'closed']).default('open'),
  /** So many times as fast; open loop. */
  scale: z.number().min(1e-6).max(1e6).default(1),
  /** In flight; closed loop. */
  depth: count.default(32),
  /** So many are submitted at once, when there is room for so many; closed loop. */
  batch: count.default(1),
  /** So many times in a row. */
  repeat: count.default(1),
  /** At most so many I/Os of each turn. */
  limit: count.optional(),
  plug: plug.prefault({}),
  device: NAME.optional(),
});

const jobLoad = fields({
  rw: z.enum(['read', 'write', 'randread', 'randwrite', 'rw', 'readwrite', 'randrw', 'trim', 'randtrim']),
  bs: size.refine((bytes) => bytes <= BLOCK_BYTES_MAX, 'expected at most 32M').default(4096),
  iodepth: count.max(4096).default(1),
  rwmixread: z.number().int().min(0).max(100).default(50),
  /** Of the region; missing: all of the device. */
  size: size.optional(),
  offset: z
    .union([z.string(), z.number()])
    .optional()
    .transform((text, context) => {
      const bytes = text === undefined ? 0 : parseBytes(text);
      if (bytes !== undefined && bytes % 512 === 0) return bytes;
      context.addIssue({ code: 'custom', message: 'expected bytes, a multiple of 512' });
      return z.NEVER;
    }),
  runtime: span.optional(),
  /** Ends after so many I/Os. */
  number_ios: count.optional(),
  rate_iops: z.number().min(0.001).max(1e9).optional(),
  rate_process: z.enum(['linear', 'poisson']).default('linear'),
  /** `random`, `zipf:1.2`, `pareto:0.2`. */
  random_distribution: z
    .string()
    .regex(/^(random|zipf:\d+(\.\d+)?|pareto:0?\.\d+)$/, 'expected random, zipf:THETA or pareto:H, such as zipf:1.1')
    .default('random'),
  numjobs: count.max(256).default(1),
  fsync: z.number().int().min(0).default(0),
  /** How many I/Os fio would submit at once: the plug. */
  iodepth_batch: count.optional(),
  /** So many have to end before it submits again. */
  iodepth_batch_complete_min: count.default(1),
  device: NAME.optional(),
});

/** What one schema has read inside another, with all its complaints. */
function forwarded<T>(read: z.ZodSafeParseResult<T>, value: unknown, context: z.RefinementCtx): T {
  if (read.success) return read.data;
  for (const issue of read.error.issues) context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
  return z.NEVER;
}

/** Which of the two it is says the key that only one of them has: so errors speak of that one. */
const load = z
  .record(z.string(), z.unknown(), { error: 'expected a load: "trace: FILE" or a job such as "rw: randread"' })
  .transform((value, context): Load => {
    const schema: z.ZodType<Load> = 'trace' in value ? traceLoad : jobLoad;
    return forwarded(schema.safeParse(value), value, context);
  });

const link: z.ZodType<LinkSettings> = fields({
  like: z.string().optional(),
  latency_us: z.number().min(0).max(DELAY_US_MAX).optional(),
  MBps: z
    .number()
    .max(1e9)
    .refine((rate) => rate === 0 || rate >= 0.001, 'expected megabytes a second, or 0: a byte takes no time')
    .optional(),
  jitter: z.number().min(0).max(2).optional(),
  queue_depth: count.max(65536).optional(),
  busy_us: z.number().min(0).max(DELAY_US_MAX).optional(),
});

const storage = fields({
  model: z.string(),
  size,
  /** Figures in place of the profile's. */
  set: z.record(z.string(), z.unknown()).default({}),
  array: z
    .strictObject({
      controllers: count.max(16).default(2),
      cpu_us: z.number().min(0).max(DELAY_US_MAX).default(5),
      hop_us: z.number().min(0).max(DELAY_US_MAX).default(100),
      hop_MBps: z.number().min(0.001).max(1e9).default(2000),
      /** Asymmetric access: the handler `alua` may be used, and paths to the other controllers are not optimised. */
      alua: z.boolean().default(true),
      transition: duration.default(5e9),
    })
    .optional(),
});

const path = fields({
  to: NAME,
  link: z
    .unknown()
    .transform((value, context): string | LinkSettings => {
      if (typeof value === 'string') return value;
      return forwarded(link.safeParse(value), value, context);
    })
    .default('direct'),
  controller: z.number().int().min(0).max(15).default(0),
  depth: count.max(1024).default(64),
  /** Of the path's own queue, by the kernel's names. */
  queue: settings.default({}),
  /** Options of the word: `max_sectors`, `queue`, `cache` … */
  options: settings.default({}),
});

const table = z.union([z.string(), z.array(z.string()).min(1)], { error: 'expected a line of a table, or a list of them' });

const device = fields({
  name: NAME,
  table,
  type: z.enum(['request', 'bio']).optional(),
  elevator: z.string().optional(),
  queue: settings.default({}),
});

/** A multipath table over the scenario's paths, for who does not want to write one. */
const map = fields({
  selector: z.string().default('service-time'),
  mapping: z.enum(['request', 'bio']).default('request'),
  /** All paths in one group, each in its own, or as listed. */
  groups: z
    .union([z.enum(['multibus', 'failover']), z.array(z.array(NAME).min(1)).min(1)], {
      error: 'expected multibus, failover, or lists of paths such as [[a, b], [c]]',
    })
    .default('multibus'),
  /** Behind each path: repeat count, weight … as the selector has them. */
  path_args: z.array(z.number()).default([]),
  queue_if_no_path: z.boolean().default(false),
  handler: z.string().optional(),
});

const checker = fields({
  polling_interval: span.default(5e9),
  max_polling_interval: span.optional(),
  failback: z
    .union([z.enum(['manual', 'immediate']), z.number().min(0).max(1e9)], { error: 'expected manual, immediate or seconds' })
    .default('manual'),
  no_path_retry: z
    .union([z.enum(['fail', 'queue']), z.number().int().min(0).max(1e9)], {
      error: 'expected fail, queue or a number of checks',
    })
    .optional(),
});

const STATUSES = Object.keys(STATUS_BY_NAME);

const step = fields({
  at: duration.optional(),
  /** The first of these to come true. */
  when: z
    .strictObject({ ios: count.optional(), failed: NAME.optional(), reinstated: NAME.optional(), after: duration.default(0) })
    .optional(),
  path: z.union([NAME, z.array(NAME).min(1)], { error: 'expected the name of a path, or a list of them' }).optional(),
  storage: NAME.optional(),
  controller: z.number().int().min(0).optional(),
  do: z.enum(['down', 'up', 'slow', 'errors', 'queue_depth', 'flap', 'reboot']),
  /** How much, where there is something to say: times as slow, a port's depth, the time of each half of a flap. */
  value: z.union([z.number(), z.string()], { error: 'expected a number or a time' }).optional(),
  status: z.enum(STATUSES).optional(),
  rate: share.optional(),
  /** After so much it is undone. */
  for: duration.optional(),
});

const body = {
  schema: z.literal(1).default(1),
  name: z.string().min(1),
  about: z.string().optional(),
  load: z.preprocess((one) => (Array.isArray(one) ? one : [one]), z.array(load).min(1)),
  storage: z.record(NAME, storage),
  links: z.record(NAME, link).default({}),
  paths: z.record(NAME, path),
  map: map.optional(),
  table: table.optional(),
  devices: z.array(device).min(1).optional(),
  type: z.enum(['request', 'bio']).optional(),
  elevator: z.string().default('mq-deadline'),
  queue: settings.default({}),
  checker: checker.optional(),
  fast_io_fail_tmo: duration.default(5e9),
  script: z.array(step).default([]),
  /** The run ends then, whatever is in flight. Default: an hour after the last arrival. */
  end: span.optional(),
  /** Seconds of the series' bins. */
  bin: duration.refine((ns) => ns >= BIN_NS_MIN, 'expected a time of at least 1ms').default(1e9),
  /** A row for each request. */
  rows: z.boolean().default(false),
};

export const scenarioSchema: z.ZodType<Scenario> = fields(body).superRefine((scenario, context) => {
  checkScenario(scenario, (path, message) => context.addIssue({ code: 'custom', path: [...path], message }));
});
