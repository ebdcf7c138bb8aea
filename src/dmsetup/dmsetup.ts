// `dmsetup`: from the words of a command line to an exit status. What is said, where, and in which order is what scripts
// know of dmsetup 1.02.185.

import { Call, type Surroundings } from './call.ts';
import { CommandLineError, KernelToolError, ReportError } from './failure.ts';
import { MANGLINGS, type Mangling } from './names.ts';
import { type CommandLine, parseCommandLine, SwitchError, type Switches } from './options.ts';
import { VERBS, type Verb } from './verbs.ts';

const PROGRAM = 'dmsetup';
const STATS_PROGRAM = 'dmstats';
const FAILED = 1;

const LIST_OPTIONS: ReadonlySet<string> = new Set(['devno', 'blkdevname', 'devname']);

/** Runs one command; resolves with the exit status. Never rejects. */
export async function dmsetup(
  commandLine: readonly string[],
  surroundings: Surroundings,
  program: string = PROGRAM,
): Promise<number> {
  const complain = (error: unknown): void => {
    const lines = error instanceof KernelToolError ? error.lines : [(error as Error).message];
    for (const line of lines) surroundings.complain(line);
  };
  let line: CommandLine;
  try {
    line = parseCommandLine(program === STATS_PROGRAM ? ['stats', ...commandLine] : commandLine, program);
    checkSwitches(line);
  } catch (error) {
    if (!(error instanceof SwitchError || error instanceof CommandLineError)) throw error;
    complain(error);
    surroundings.complain("Couldn't process command line.");
    return FAILED;
  }
  const verb = verbOf(line);
  if (verb === undefined) return refuse(line.words[0] === undefined ? undefined : 'Unknown command.', surroundings);
  // --help and --version are obeyed whatever else is said
  const isBySwitch = verb.name !== line.words[0];
  const words = isBySwitch ? [] : line.words.slice(1);
  if (words.length < verb.wordsMin || words.length > (verb.wordsMax ?? Number.POSITIVE_INFINITY)) {
    if (verb.name === 'stats') return refuseStats(surroundings);
    return refuse('Incorrect number of arguments.', surroundings);
  }
  const call = new Call(surroundings, line.switches, words, manglingOf(line.switches, surroundings.env));
  try {
    await (await verb.load())(call);
    return 0;
  } catch (error) {
    complain(error);
    if (!(error instanceof ReportError)) surroundings.complain('Command failed.');
    return isBySwitch ? 0 : FAILED;
  } finally {
    await call.end();
  }
}

function verbOf({ switches, words }: CommandLine): Verb | undefined {
  const find = (name: string | undefined): Verb | undefined => VERBS.find((verb) => verb.name === name);
  // stats has help of its own
  if (switches.has('help') && words[0] !== 'stats') return find('help');
  if (switches.has('version') && words[0] !== 'stats') return find('version');
  return find(words[0]);
}

function manglingOf(switches: Switches, env: NodeJS.ProcessEnv): Mangling {
  const asked = switches.value('manglename') ?? env['DM_DEFAULT_NAME_MANGLING_MODE'] ?? '';
  return MANGLINGS.has(asked) ? (asked as Mangling) : 'auto';
}

async function refuse(reason: string | undefined, surroundings: Surroundings): Promise<number> {
  if (reason !== undefined) surroundings.complain(reason);
  const { usageLines } = await import('./usage.ts');
  for (const line of usageLines()) surroundings.complain(line);
  return FAILED;
}

async function refuseStats(surroundings: Surroundings): Promise<number> {
  surroundings.complain('Incorrect number of arguments.');
  const { statsUsageLines } = await import('./stats/usage.ts');
  for (const line of statsUsageLines()) surroundings.complain(line);
  return FAILED;
}

/** What is wrong with a command line whatever its command. */
function checkSwitches({ switches, words }: CommandLine): void {
  const { mangling, mode } = { mangling: switches.value('manglename'), mode: switches.value('mode') };
  if (mangling !== undefined && !MANGLINGS.has(mangling)) throw new CommandLineError('Unknown name mangling mode.');
  if (mode !== undefined && !/^[0-7]+$/.test(mode)) throw new CommandLineError(`Invalid argument for --mode: ${mode}. `);
  if (switches.has('notable') && switches.has('table')) throw new CommandLineError('--table and --notable are incompatible.');
  if (switches.has('minor') !== switches.has('major')) {
    throw new CommandLineError('Please specify both major number and minor number.');
  }
  const interval = switches.value('interval');
  if (interval !== undefined && !/^0*[1-9]\d*$/.test(interval)) {
    throw new CommandLineError('Interval must be a positive integer.');
  }
  checkOptions(switches, words[0]);
}

function checkOptions(switches: Switches, verb: string | undefined): void {
  const options = switches.value('options');
  if (options === undefined) return;
  if (verb === 'ls' && switches.has('tree')) {
    const unknown = options.split(',').filter((option) => !TREE_OPTIONS.has(option));
    if (unknown.length > 0) throw new CommandLineError(`Tree options not recognised: ${unknown.join(',')}.`);
    return;
  }
  if (verb !== 'ls' && verb !== 'deps') return;
  const unknown = options.split(',').find((option) => !LIST_OPTIONS.has(option));
  if (unknown !== undefined) throw new CommandLineError(`Option not recognised: ${unknown}.`);
}

export const TREE_OPTIONS: ReadonlySet<string> = new Set(
  'ascii utf vt100 compact inverted notrunc device nodevice blkdevname active open rw uuid table status'.split(' '),
);
