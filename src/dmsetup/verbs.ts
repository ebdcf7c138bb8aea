// The commands: their names, how many words they take, what is said of them, and where their work is done. A file is read
// when its command is called.

import type { Call } from './call.ts';

/** A command's work; rejects with KernelToolError. */
export type Work = (call: Call) => Promise<void>;

export interface Verb {
  readonly name: string;
  /** What `help` shows after the name; further lines are indented there. */
  readonly usage: string;
  readonly wordsMin: number;
  /** Undefined: as many as one likes. */
  readonly wordsMax?: number;
  /** Does it run once for each word, and stop at the first that fails? */
  readonly isRepeated?: boolean;
  /** Does `-S` choose its devices? */
  readonly canSelect?: boolean;
  load(): Promise<Work>;
}

export const VERBS: readonly Verb[] = [
  { name: 'help', usage: '[-c|-C|--columns]', wordsMin: 0, wordsMax: 0, load: async () => (await import('./usage.ts')).help },
  {
    name: 'create',
    usage: [
      '<dev_name>',
      '    [-j|--major <major> -m|--minor <minor>]',
      '    [-U|--uid <uid>] [-G|--gid <gid>] [-M|--mode <octal_mode>]',
      '    [-u|--uuid <uuid>] [--addnodeonresume|--addnodeoncreate]',
      '    [--readahead {[+]<sectors>|auto|none}]',
      '    [-n|--notable|--table {<table>|<table_file>}]',
      'create --concise [<concise_device_spec_list>]',
    ].join('\n'),
    wordsMin: 0,
    wordsMax: 2,
    load: async () => (await import('./create.ts')).create,
  },
  {
    name: 'remove',
    usage: '[--deferred] [-f|--force] [--retry] <device>...',
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./remove.ts')).remove,
  },
  {
    name: 'remove_all',
    usage: '[-f|--force]',
    wordsMin: 0,
    wordsMax: 0,
    load: async () => (await import('./remove.ts')).removeAll,
  },
  {
    name: 'suspend',
    usage: '[--noflush] [--nolockfs] <device>...',
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./change.ts')).suspend,
  },
  {
    name: 'resume',
    usage: [
      '[--noflush] [--nolockfs] <device>...',
      '       [--addnodeonresume|--addnodeoncreate]',
      '       [--readahead {[+]<sectors>|auto|none}]',
    ].join('\n'),
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./change.ts')).resume,
  },
  {
    name: 'load',
    usage: '<device> [<table>|<table_file>]',
    wordsMin: 0,
    wordsMax: 2,
    load: async () => (await import('./change.ts')).load,
  },
  {
    name: 'clear',
    usage: '<device>',
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./change.ts')).clear,
  },
  {
    name: 'reload',
    usage: '<device> [<table>|<table_file>]',
    wordsMin: 0,
    wordsMax: 2,
    load: async () => (await import('./change.ts')).load,
  },
  {
    name: 'wipe_table',
    usage: '[-f|--force] [--noflush] [--nolockfs] <device>...',
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./change.ts')).wipeTable,
  },
  {
    name: 'rename',
    usage: '<device> [--setuuid] <new_name_or_uuid>',
    wordsMin: 1,
    wordsMax: 2,
    load: async () => (await import('./change.ts')).rename,
  },
  {
    name: 'measure',
    usage: '[<device>...]',
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./show.ts')).measure,
  },
  {
    name: 'message',
    usage: '<device> <sector> <message>',
    wordsMin: 2,
    load: async () => (await import('./message.ts')).message,
  },
  {
    name: 'ls',
    usage: '[--target <target_type>] [--exec <command>] [-o <options>] [--tree]',
    wordsMin: 0,
    wordsMax: 0,
    load: async () => (await import('./list.ts')).list,
  },
  {
    name: 'info',
    usage: '[<device>...]',
    wordsMin: 0,
    isRepeated: true,
    load: async () => (await import('./info.ts')).info,
  },
  {
    name: 'deps',
    usage: '[-o <options>] [<device>...]',
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./list.ts')).dependencies,
  },
  {
    name: 'stats',
    usage: '<command> [<options>] [<device>...]',
    wordsMin: 1,
    load: async () => (await import('./stats/stats.ts')).stats,
  },
  {
    name: 'status',
    usage: '[<device>...] [--noflush] [--target <target_type>]',
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./show.ts')).status,
  },
  {
    name: 'table',
    usage: '[<device>...] [--concise] [--target <target_type>] [--showkeys]',
    wordsMin: 0,
    isRepeated: true,
    canSelect: true,
    load: async () => (await import('./show.ts')).table,
  },
  {
    name: 'wait',
    usage: '<device> [<event_nr>] [--noflush]',
    wordsMin: 0,
    wordsMax: 2,
    load: async () => (await import('./message.ts')).wait,
  },
  {
    name: 'mknodes',
    usage: '[<device>...]',
    wordsMin: 0,
    isRepeated: true,
    load: async () => (await import('./node.ts')).makeNodes,
  },
  {
    name: 'mangle',
    usage: '[<device>...]',
    wordsMin: 0,
    isRepeated: true,
    load: async () => (await import('./node.ts')).mangle,
  },
  { name: 'udevcreatecookie', usage: '', wordsMin: 0, wordsMax: 0, load: async () => (await import('./node.ts')).nothing },
  {
    name: 'udevreleasecookie',
    usage: '[<cookie>]',
    wordsMin: 0,
    wordsMax: 1,
    load: async () => (await import('./node.ts')).releaseCookie,
  },
  { name: 'udevflags', usage: '<cookie>', wordsMin: 1, wordsMax: 1, load: async () => (await import('./node.ts')).nothing },
  { name: 'udevcomplete', usage: '<cookie>', wordsMin: 1, wordsMax: 1, load: async () => (await import('./node.ts')).nothing },
  {
    name: 'udevcomplete_all',
    usage: '[<age_in_minutes>]',
    wordsMin: 0,
    wordsMax: 1,
    load: async () => (await import('./node.ts')).nothing,
  },
  { name: 'udevcookies', usage: '', wordsMin: 0, wordsMax: 0, load: async () => (await import('./node.ts')).listCookies },
  {
    name: 'target-version',
    usage: '[<target>...]',
    wordsMin: 1,
    isRepeated: true,
    load: async () => (await import('./version.ts')).targetVersion,
  },
  { name: 'targets', usage: '', wordsMin: 0, wordsMax: 0, load: async () => (await import('./version.ts')).targets },
  { name: 'version', usage: '', wordsMin: 0, wordsMax: 0, load: async () => (await import('./version.ts')).version },
  {
    name: 'setgeometry',
    usage: '<device> <cyl> <head> <sect> <start>',
    wordsMin: 5,
    wordsMax: 5,
    load: async () => (await import('./node.ts')).setGeometry,
  },
  {
    name: 'splitname',
    usage: '<device> [<subsystem>]',
    wordsMin: 1,
    wordsMax: 2,
    load: async () => (await import('./split-name.ts')).splitName,
  },
];
