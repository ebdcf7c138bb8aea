// `rqdm trace`: recorded traces.

import { Command } from 'commander';
import { addTraceFileCommands } from './trace-files.ts';
import { addTraceRecordCommand } from './trace-record.ts';

export function traceCommand(): Command {
  const trace = new Command('trace').description('recorded I/O traces: look at them, convert, cut, mix and scale them');
  addTraceFileCommands(trace);
  addTraceRecordCommand(trace);
  return trace;
}
