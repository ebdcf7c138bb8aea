// Where a transcript may differ from what rqdm prints, and why: each rule is applied to both before they are compared.
// Whatever is not listed here must be equal.

export interface Rule {
  readonly why: string;
  /** Of a whole line. */
  readonly pattern: RegExp;
  /** Undefined: the line is left out. */
  readonly replacement?: string;
}

export const RULES: readonly Rule[] = [
  {
    why: 'which schedulers there are is a matter of how a kernel was built: rqdm has scan in place of bfq',
    pattern: /^((?:\S*scheduler:)?(?=.*mq-deadline)(?=.*kyber).*?) (?:bfq|scan)\b/,
    replacement: '$1',
  },
  {
    why: 'which process or kernel thread ran the code is no behaviour',
    pattern: /^((?:bio|rq)_\w+|getrq|split|plug|unplug)(:.*) \[(?:iogen|dd|rqdm|kworker|irq)\](?=$| \d+$)/,
    replacement: '$1$2',
  },
  { why: 'the same, without a device', pattern: /^(plug|unplug): \[(?:iogen|dd|rqdm|kworker|irq)\]/, replacement: '$1:' },
  { why: 'the same, in the log', pattern: /^kmsg: \S+: attempt to access/, replacement: 'kmsg: attempt to access' },
  {
    why: "the kernel's second record of the same end, empty, for requests that are done in two steps",
    pattern: /^rq_complete: \S+ \S+ \d{1,19} \+ 0 \[0\]$/,
  },
  {
    why: 'numbers of SCSI hosts and units differ from run to run; rqdm names the disk by its node',
    pattern: /^kmsg: (?:sd \d+:\d+:\d+:\d+|device-mapper: \/dev\/sd\w+): /,
    replacement: 'kmsg: sd: ',
  },
  { why: 'rqdm has its hardware handlers from the start', pattern: /^kmsg: \w+: device handler registered$/ },
  {
    why: 'timing: samples every half second of a device that is up for a second and down for a second',
    pattern: /^(?=.*up)(?=.*DOWN)(?:(?:up|DOWN) ){4,}$/,
    replacement: '(up and DOWN)',
  },
  { why: 'timing: how fast dd was', pattern: /^(\d+) bytes (?:\(.*\) )?copied.*$/, replacement: '$1 bytes copied' },
  { why: "lines of the SCSI layer's own: there is none here", pattern: /^kmsg: sd: (?:\[sd|rejecting I\/O|tag#)/ },
  {
    why: 'versions',
    pattern: /^((?:Library|Driver) version: +)\S.*$/,
    replacement: '$1(version)',
  },
];

/** An event of a block trace, and its device. */
const EVENT = /^(?:(?:bio|rq)_\w+|getrq|split): (\S+) /;

/** Lines as they are compared. */
export function normalised(text: string): string[] {
  const lines = text.replace(/\n+$/, '').split('\n');
  return lines.flatMap((line) => {
    let now = line;
    for (const { pattern, replacement } of RULES) {
      if (replacement !== undefined) now = now.replace(pattern, replacement);
      else if (pattern.test(now)) return [];
    }
    return [now];
  });
}

/**
 * The kernel does not fix the order of events of different devices: those of each device stand together, in their order,
 * wherever events follow each other.
 */
export function grouped(lines: readonly string[]): string[] {
  const result: string[] = [];
  let run: string[] = [];
  const end = (): void => {
    const devices = [...new Set(run.map(deviceOf))].sort();
    for (const device of devices) result.push(...run.filter((line) => deviceOf(line) === device));
    run = [];
  };
  for (const line of lines) {
    if (EVENT.test(line)) {
      run.push(line);
    } else {
      end();
      result.push(line);
    }
  }
  end();
  return result;
}

/** `rq_issue: nullb0 R …` is of nullb0; a line of no device is of ''. */
export function deviceOf(line: string): string {
  return EVENT.exec(line)?.[1] ?? '';
}
