// The lines of a table as dmsetup reads them from a command line, a file or standard input, before the kernel sees them.

import { KernelToolError } from './failure.ts';

const U64 = 2n ** 64n;

/** `text` as lines that go to the kernel: start, length, type and arguments. `file` is named in messages. */
export function readTable(text: string, file: string): string[] {
  const lines: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    const read = readLine(content);
    if (read === undefined) throw new KernelToolError(`Invalid format on line ${index + 1} of table ${file}.`);
    lines.push(read);
  }
  return lines;
}

/**
 * The scanner takes a number as far as it goes and the next word from there: `0 1.5 zero` is a line of the type `.5`. A
 * sign is taken too, and wraps.
 */
function readLine(line: string): string | undefined {
  const found = /^\s*([+-]?\d+)\s*([+-]?\d+)\s*(\S+)\s*([\s\S]*)$/.exec(line);
  if (!found) return undefined;
  const [, start, length, type, rest] = found as unknown as [string, string, string, string, string];
  const comment = rest.indexOf('#');
  const words = (comment < 0 ? rest : rest.slice(0, comment)).trimEnd();
  return `${unsigned(start)} ${unsigned(length)} ${type} ${words}`;
}

/** A 64-bit number of the C library: what is too large is the largest, what is negative wraps. */
function unsigned(text: string): string {
  const magnitude = BigInt(text.replace(/^[+-]/, ''));
  if (magnitude >= U64) return `${U64 - 1n}`;
  return `${text.startsWith('-') ? BigInt.asUintN(64, -magnitude) : magnitude}`;
}
