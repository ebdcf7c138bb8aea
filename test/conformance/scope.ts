// What rqdm has no counterpart for. Decided by what a script uses, never by the name of a case.

interface Missing {
  readonly what: string;
  /** Found in a script without its comments. */
  readonly sign: RegExp;
}

/** A word of a command: after the beginning of a line, a separator or a quote. */
const COMMAND = '(?:^|[;&|("\'`{]|\\$\\()\\s*(?:timeout (?:-k \\S+ )?\\S+ )?';

const MISSING: readonly Missing[] = [
  {
    what: 'mounts a file system',
    sign: new RegExp(`${COMMAND}(?:mount|umount|mkfs\\S*|mke2fs|e2fsck|fsck\\S*|fsfreeze)\\b`, 'm'),
  },
  { what: 'sends SCSI commands by ioctl', sign: new RegExp(`${COMMAND}(?:sg_\\w+|sdparm|blkdiscard --secure)\\b`, 'm') },
  {
    what: "loads a kernel module for a target that rqdm hasn't",
    sign: /\bmodprobe (?:-\S+ )*dm[-_](?!multipath|mod\b|round|queue|service|historical|io|dust|flakey|delay|zero|linear|striped?|switch|unstripe)\w+/,
  },
  {
    what: 'sets a parameter of a kernel module',
    sign: /\/sys\/module\/(?!dm_multipath\/parameters\/queue_if_no_path_timeout_secs)/,
  },
];

/** Why a script is out of scope; undefined: it isn't. */
export function outOfScope(script: string): string | undefined {
  const text = script.replace(/^\s*#.*$/gm, '');
  const found = MISSING.find(({ sign }) => sign.test(text));
  if (found === undefined) return undefined;
  const [sign = ''] = found.sign.exec(text) ?? [];
  return `${found.what} (${sign.trim().replace(/^[;&|("'`{\s]+/, '')})`;
}
