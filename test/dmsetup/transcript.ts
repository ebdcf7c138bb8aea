// Recorded sessions of a real kernel: read, and replayed as far as they consist of dmsetup's commands.

import { execFileSync } from 'node:child_process';
import type { ControlRoom } from '../support/control-room.ts';

/** A command as it was typed, and everything that came of it. */
export interface Entry {
  readonly command: string;
  /** What `dmsetup create NAME <<TABLE` read. */
  readonly input: string;
  readonly output: readonly string[];
  readonly status: number;
  readonly kernelLines: readonly string[];
}

export function parseTranscript(text: string): Entry[] {
  const lines = text.split('\n');
  const entries: Entry[] = [];
  for (let index = 0; index < lines.length; index++) {
    if (!lines[index]?.startsWith('$ ')) continue;
    const command: string[] = [(lines[index] as string).slice(2)];
    // a quoted table may go over several lines
    while (quotes(command.join('\n')) % 2 === 1) command.push(lines[++index] as string);
    const input: string[] = [];
    if (command[0]?.endsWith('<<TABLE')) {
      while (lines[++index] !== 'TABLE') input.push(lines[index] as string);
    }
    const output: string[] = [];
    while (lines[index + 1] !== undefined && !/^rc=\d+$/.test(lines[index + 1] as string))
      output.push(lines[++index] as string);
    const status = Number(lines[++index]?.slice('rc='.length));
    const kernelLines: string[] = [];
    while (lines[index + 1]?.startsWith('kmsg: ')) kernelLines.push((lines[++index] as string).slice('kmsg: '.length));
    const typed = command.join('\n').replace(/ *<<TABLE$/, '');
    entries.push({ command: typed, input: input.length === 0 ? '' : `${input.join('\n')}\n`, output, status, kernelLines });
  }
  return entries;
}

function quotes(text: string): number {
  return text.split("'").length - 1;
}

/** The commands of a line: words, and the text before a pipe. Undefined if other programs take part. */
export function commandsOf(line: string): { words: string[]; feeder: string | undefined }[] | undefined {
  const commands: { words: string[]; feeder: string | undefined }[] = [];
  for (const part of splitOutsideQuotes(line, ';')) {
    const pieces = splitOutsideQuotes(part.trim(), '|');
    const last = (pieces.pop() as string).trim();
    const feeder = pieces.length === 0 ? undefined : pieces.join('|');
    if (!/^dmsetup( |$)/.test(last) || /[$&>`]/.test(last.replace(/'[^']*'/g, ''))) return undefined;
    if (feeder !== undefined && !/^(echo|printf) /.test(feeder.trim())) return undefined;
    commands.push({ words: wordsOf(last).slice(1), feeder });
  }
  return commands;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts = [''];
  let quote = '';
  for (const character of text) {
    if (character === quote) quote = '';
    else if (quote === '' && (character === "'" || character === '"')) quote = character;
    if (character === separator && quote === '') parts.push('');
    else parts.push((parts.pop() as string) + character);
  }
  return parts;
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
}

/** Runs an entry; undefined if other programs take part in it. */
export async function replay(room: ControlRoom, entry: Entry): Promise<Entry | undefined> {
  const commands = commandsOf(entry.command);
  if (commands === undefined) return undefined;
  let text = '';
  let status = 0;
  for (const { words, feeder } of commands) {
    const input = feeder === undefined ? entry.input : execFileSync('bash', ['-c', feeder], { encoding: 'utf8' });
    const ran = await room.run(words, input);
    text += ran.errors + ran.output;
    status = ran.status;
  }
  const output = text.replace(/\n+$/, '').split('\n');
  return { ...entry, output: text.trim() === '' ? [] : output, status, kernelLines: room.newKernelLines() };
}
