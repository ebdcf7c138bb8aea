// DiskSim ascii: `arrival device address size type`. Arrival in milliseconds with decimals, address and size in sectors of 512
// bytes; bit 0 of the type is 1 for a read. No comments.

import { DECIMAL_COLUMNS, hasByteSizes, readColumns } from '../five-columns.ts';
import { share } from '../sample.ts';
import type { TraceFormat } from './format.ts';

export const disksim: TraceFormat = {
  name: 'disksim',
  summary: 'DiskSim ascii, five columns: ms, sectors, 1 reads',
  detect: ({ lines }) => (hasByteSizes(lines) ? 0 : share(lines, DECIMAL_COLUMNS)),
  read: (context) => readColumns(context, { places: 3, isBytes: false }),
};
