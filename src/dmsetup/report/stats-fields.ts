// The fields of statistics. What they show is worked out in stats/rows.ts, under the field's id.

import type { DeviceRow } from '../info.ts';
import type { Field, FieldType, Section } from './field.ts';

type Line = readonly [id: string, heading: string, widthMin: number, type: FieldType, description: string];

const STATS: readonly Line[] = [
  ['read_count', '#Reads', 6, 'number', 'Reads completed.'],
  ['reads_merged_count', '#RdMrgs', 7, 'number', 'Reads merged.'],
  ['read_sector_count', '#RdSectors', 10, 'number', 'Sectors read.'],
  ['read_time', 'AccRdTime', 11, 'number', 'Time of all reads, nanoseconds.'],
  ['write_count', '#Writes', 7, 'number', 'Writes completed.'],
  ['writes_merged_count', '#WrMrgs', 7, 'number', 'Writes merged.'],
  ['write_sector_count', '#WrSectors', 10, 'number', 'Sectors written.'],
  ['write_time', 'AccWrTime', 11, 'number', 'Time of all writes, nanoseconds.'],
  ['in_progress_count', '#InProg', 7, 'number', 'I/Os in flight.'],
  ['io_ticks', 'IoTicks', 7, 'number', 'Time with I/O, nanoseconds.'],
  ['queue_ticks', 'QueueTicks', 10, 'number', 'Time in the queue, nanoseconds.'],
  ['read_ticks', 'RdTicks', 7, 'number', 'Time with reads, nanoseconds.'],
  ['write_ticks', 'WrTicks', 7, 'number', 'Time with writes, nanoseconds.'],
  ['reads_merged_per_sec', 'RMrg/s', 6, 'number', 'Reads merged, a second.'],
  ['writes_merged_per_sec', 'WMrg/s', 6, 'number', 'Writes merged, a second.'],
  ['reads_per_sec', 'R/s', 3, 'number', 'Reads a second.'],
  ['writes_per_sec', 'W/s', 3, 'number', 'Writes a second.'],
  ['read_size_per_sec', 'RSz/s', 5, 'number', 'Read a second.'],
  ['write_size_per_sec', 'WSz/s', 5, 'number', 'Written a second.'],
  ['avg_request_size', 'AvgRqSz', 7, 'number', 'Mean size of an I/O.'],
  ['queue_size', 'QSize', 5, 'number', 'Mean length of the queue.'],
  ['await', 'AWait', 5, 'number', 'Mean wait of an I/O.'],
  ['read_await', 'RdAWait', 7, 'number', 'Mean wait of a read.'],
  ['write_await', 'WrAWait', 7, 'number', 'Mean wait of a write.'],
  ['throughput', 'Throughput', 10, 'number', 'I/Os a second.'],
  ['service_time', 'SvcTm', 5, 'number', 'Mean time in service.'],
  ['util', 'Util%', 5, 'number', 'How much of the time there was I/O.'],
  ['hist_count', 'Histogram Counts', 16, 'string', 'Counts of the histogram.'],
  ['hist_count_bounds', 'Histogram Counts', 16, 'string', 'Counts of the histogram with the bounds of its bins.'],
  ['hist_count_ranges', 'Histogram Counts', 16, 'string', 'Counts of the histogram with the ranges of its bins.'],
  ['hist_percent', 'Histogram%', 10, 'string', 'Shares of the histogram.'],
  ['hist_percent_bounds', 'Histogram%', 10, 'string', 'Shares of the histogram with the bounds of its bins.'],
  ['hist_percent_ranges', 'Histogram%', 10, 'string', 'Shares of the histogram with the ranges of its bins.'],
  ['interval_ns', 'IntervalNs', 10, 'number', 'The time between two samples, nanoseconds.'],
  ['interval', 'Interval', 8, 'number', 'The time between two samples.'],
];

const REGION: readonly Line[] = [
  ['region_id', 'RgID', 4, 'number', 'Number of the region.'],
  ['region_start', 'RgStart', 7, 'size', 'Where the region begins.'],
  ['region_len', 'RgSize', 6, 'size', 'Length of the region.'],
  ['area_id', 'ArID', 4, 'number', 'Number of the area.'],
  ['area_start', 'ArStart', 7, 'size', 'Where the area begins on the device.'],
  ['area_len', 'ArSize', 6, 'size', 'Length of the area.'],
  ['area_offset', 'ArOff', 5, 'size', 'Where the area begins in its region.'],
  ['area_count', '#Areas', 6, 'number', 'Areas of the region.'],
  ['group_id', 'GrpID', 5, 'number', 'Number of the group.'],
  ['program_id', 'ProgID', 6, 'string', 'The program that has made the region.'],
  ['user_data', 'UserData', 8, 'string', 'What that program has added.'],
  ['precise', 'Precise', 7, 'string', 'Are times kept in nanoseconds?'],
  ['hist_bins', '#Bins', 9, 'string', 'Bins of the histogram.'],
  ['hist_bounds', 'Histogram Bounds', 16, 'string', 'Bounds of the bins.'],
  ['hist_ranges', 'Histogram Ranges', 16, 'string', 'Ranges of the bins.'],
  ['stats_name', 'Name', 16, 'string', 'What the row is called.'],
  ['obj_type', 'ObjType', 7, 'string', 'What the row is.'],
];

function toField(section: Section): (line: Line) => Field<DeviceRow> {
  return ([id, heading, widthMin, type, description]) => ({
    id,
    heading,
    widthMin,
    type,
    section,
    description,
    show: ({ stats }) => {
      const value = stats?.[id];
      if (value === undefined) return undefined;
      return typeof value === 'number' ? { text: String(value), number: value } : { text: value, ...numberOf(value, type) };
    },
  });
}

/** A figure that is shown with decimals or a unit still sorts as a figure. */
function numberOf(text: string, type: FieldType): { number?: number } {
  const number = Number.parseFloat(text);
  return type === 'string' || Number.isNaN(number) ? {} : { number };
}

export const statsFields: readonly Field<DeviceRow>[] = [...STATS.map(toField('stats')), ...REGION.map(toField('region'))];
