// MQSim and SSDsim: `arrival device address size type`. Arrival in nanoseconds (MQSim's workload file can say another unit:
// --time-unit), address and size in sectors of 512 bytes, 0 is a write and 1 a read.

import { INTEGER_COLUMNS, readColumns } from '../five-columns.ts';
import { share } from '../sample.ts';
import type { TraceFormat } from './format.ts';

const PLACES = { s: 0, ms: 3, us: 6, ns: 9 } as const;

export const mqsim: TraceFormat = {
  name: 'mqsim',
  summary: 'MQSim or SSDsim, five columns: ns (--time-unit), sectors, 1 reads',
  options: ['timeUnit'],
  detect: ({ lines }) => share(lines, INTEGER_COLUMNS),
  read: (context) => readColumns(context, { places: PLACES[context.options.timeUnit ?? 'ns'], isBytes: false }),
};
