// What the program says of itself.

import type { Call } from './call.ts';
import { VERBS } from './verbs.ts';

const SWITCHES = [
  '[--version] [-h|--help [-c|-C|--columns]]',
  '[-v|--verbose [-v|--verbose ...]] [-f|--force]',
  '[--checks] [--manglename {none|hex|auto}]',
  '[-r|--readonly] [--noopencount] [--noflush] [--nolockfs] [--inactive]',
  '[--udevcookie <cookie>] [--noudevrules] [--noudevsync] [--verifyudev]',
  '[-y|--yes] [--readahead {[+]<sectors>|auto|none}] [--retry]',
  '[-c|-C|--columns] [-o <fields>] [-O|--sort <sort_fields>]',
  '[-S|--select <selection>] [--nameprefixes] [--noheadings]',
  '[--separator <separator>]',
];

const NOTES = [
  "<device> is a device's name, or -u <uuid>, or -j <major> -m <minor> for one device",
  "<mangling_mode> is 'none', 'auto' or 'hex'.",
  "<fields> are separated by commas; 'help -c' lists them.",
  '<concise_device_specification> is one entry a device, separated by semicolons:',
  '    <name>,<uuid>,<minor>,<flags>,<table>',
  "        <flags> is 'ro' or 'rw' (the default); <uuid>, <minor> and <flags> may be",
  '        empty. Commas separate the lines of a table.',
  '    E.g.: dev1,,,,0 100 linear 253:1 0,100 100 error;dev2,,,ro,0 1 error',
  'A table may also be given on standard input.',
  'Options of ls and deps: devno, devname, blkdevname.',
  'Options of ls --tree: ascii, utf, vt100; compact, inverted, notrunc;',
  '                      blkdevname, [no]device, active, open, rw and uuid.',
];

/** The usage text, a line each. */
export function usageLines(): string[] {
  return [
    'Usage:',
    '',
    'dmsetup',
    ...SWITCHES.map((line) => `        ${line}`),
    '',
    ...VERBS.flatMap(({ name, usage }) => `${name} ${usage}`.split('\n').map((line) => `\t${line}`)),
    '',
    ...NOTES,
    '',
  ];
}

/** `help [-c]`, on standard error as the original does. */
export async function help(call: Call): Promise<void> {
  for (const line of usageLines()) call.complain(line);
  if (!call.has('columns')) return;
  const { fieldHelpLines } = await import('./report/field-help.ts');
  for (const line of fieldHelpLines(false)) call.complain(line);
}
