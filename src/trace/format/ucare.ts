// The columns of the ucare replayers (Heimdall, LinnOS, MittOS): `arrival device offset size type`. Arrival in milliseconds with
// decimals, offset and size in bytes, 1 is a read. Told from DiskSim, which has the same columns in sectors, by its sizes: all are
// multiples of 512.

import { DECIMAL_COLUMNS, hasByteSizes, readColumns } from '../five-columns.ts';
import { share } from '../sample.ts';
import type { TraceFormat } from './format.ts';

export const ucare: TraceFormat = {
  name: 'ucare',
  summary: 'ucare replayer, five columns: ms, bytes, 1 reads',
  detect: ({ lines }) => (hasByteSizes(lines) ? share(lines, DECIMAL_COLUMNS) : 0),
  read: (context) => {
    if (context.options.format === undefined) {
      context.note('sizes are all multiples of 512, so address and size are taken for bytes (--format disksim: sectors)');
    }
    return readColumns(context, { places: 3, isBytes: true });
  },
};
