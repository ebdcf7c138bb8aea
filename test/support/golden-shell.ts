// Runs the script of a recorded case in bash, with other helper functions: each asks this process, which has the machine
// (golden-machine.ts), and prints what it answers. So the script stays as it is.
//
// A question is one line on descriptor 3, its words parted by 0x1f; the answer is lines on descriptor 4, then a full stop.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** Answers a question: lines to print. */
export type Answer = (words: readonly string[]) => readonly string[];

// Attributes of devices are files under $SYS. What `run` shows belongs to other tests: it is run, and not shown.
const HELPERS = `
ask() { local IFS=$'\\x1f' line; printf '%s\\n' "$*" >&3; IFS=; while read -r line <&4; do [ "$line" = . ] && return; printf '%s\\n' "$line"; done; }
BACKGROUND=0 CPU=1 PRIORITY=0
run() { eval "$@" >/dev/null 2>&1; }
q() { "$@" >/dev/null; }
nb() { local queue=$SYS/block/$1/queue; mkdir -p $queue/iosched; echo none >$queue/scheduler; echo 0 >$queue/nomerges; ask nb "$@"; }
dn() { ask dn "$1"; }
tron() { ask tron "$@"; }
troff() { ask troff | grep -E "\${1:-.}"; }
iogen() { ask iogen $BACKGROUND $CPU $PRIORITY "$@"; }
background() { BACKGROUND=1; "$@"; BACKGROUND=0; }
taskset() { CPU=$1; shift; "$@"; CPU=1; }
ionice() { PRIORITY=\${1#-c}; shift; [ "$1" = -n ] && shift 2; "$@"; }
sleep() { ask sleep "$1"; }
wait() { ask wait; }
infl() { :; }
dmsetup() { case $* in create*--table*|*message*|load*|suspend*|resume*|remove*) ask dmsetup "$@";; create*) ask dmsetup "$@" --table "$(tr '\\n' ';')";; esac; }
`;

/** A command that is put into the background by \`&\` is told so instead: what it does is one question. */
const inForeground = (script: string): string =>
  script
    .replace(/\((iogen [^)\n]*)\) &/g, 'background $1;')
    .replace(/((?:ionice [^;\n]*?)?iogen [^;&\n]*)&/g, 'background $1;')
    .replaceAll('/sys/', '$SYS/');

/** What the script prints. \`attributes\` is the folder that stands for /sys. */
export async function runScript(script: string, attributes: string, answer: Answer): Promise<string> {
  const shell = spawn('bash', ['-c', `${HELPERS}\n${inForeground(script)}`], {
    env: { PATH: process.env['PATH'] ?? '', SYS: attributes, LC_ALL: 'C' },
    cwd: attributes,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const [, output, errors, questions, answers] = shell.stdio as [null, Readable, Readable, Readable, Writable];
  let printed = '';
  let complaints = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  errors.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  let failure: unknown;
  createInterface({ input: questions }).on('line', (line) => {
    try {
      answers.write([...answer(line.split('\x1f')), '.', ''].join('\n'));
    } catch (error) {
      failure = error;
      shell.kill();
    }
  });
  await new Promise((resolve) => shell.on('close', resolve));
  if (failure !== undefined) throw failure;
  if (complaints !== '') throw new Error(`the script of the case complains: ${complaints}`);
  return printed;
}
