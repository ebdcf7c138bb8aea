// What `dmsetup stats` says of itself.

const SWITCHES = [
  '[-h|--help]',
  '[-v|--verbose [-v|--verbose ...]]',
  '[--areas <nr_areas>] [--areasize <size>]',
  '[--userdata <data>] [--clear]',
  '[--count <count>] [--interval <seconds>]',
  '[-o <fields>] [-O|--sort <sort_fields>]',
  '[--programid <id>]',
  '[--start <start>] [--length <length>]',
  '[--segments] [--units <units>]',
];

const COMMANDS = [
  'help ',
  'clear [--allregions|--regionid id] [--alldevices|<device>...] ',
  'create [--start <start> [--length <len>]',
  '    [--areas <nr_areas>] [--areasize <size>] ',
  '    [--programid <id>] [--userdata <data> ] ',
  '    [--bounds histogram_boundaries] [--precise] ',
  '    [--segments] [--alldevices|<device>...] ',
  'delete [--allprograms|--programid id] ',
  '    [--allregions|--regionid id] ',
  '    [--alldevices|<device>...] ',
  'list [--allprograms|--programid id] [--allregions|--regionid id] ',
  'print [--clear] [--allprograms|--programid id] ',
  '    [--allregions|--regionid id] ',
  '    [--alldevices|<device>...] ',
  'report [--interval <seconds>] [--count <cnt>]',
  '    [--units <u>] [--programid <id>] [--regionid <id>] ',
  '    [-o <fields>] [-O|--sort <sort_fields>]',
  '    [-S|--select <selection>] [--nameprefixes]',
  '    [--noheadings] [--separator <separator>]',
  '    [--allprograms|--programid id] [<device>...]',
  'version ',
];

export function statsUsageLines(): string[] {
  return [
    'Usage:',
    '',
    'dmsetup stats',
    ...SWITCHES.map((line) => `        ${line}`),
    '',
    ...COMMANDS.map((line) => `\t${line}`),
    '',
    "<device> is a device's name, or -u <uuid>, or -j <major> -m <minor> for one device",
    "<fields> are separated by commas; 'help -c' lists them.",
    '',
  ];
}
