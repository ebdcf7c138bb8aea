// What `table` and `status` of a multipath device say, as data.

import type { MappedDevice } from '../device/device.ts';
import { RqdmError } from '../errors.ts';
import { parseTable } from '../table/parse.ts';

export interface PathStatus {
  /** The word of the table, and `MAJOR:MINOR`. */
  readonly word: string;
  readonly number: string;
  readonly isActive: boolean;
  readonly failures: number;
}

export interface GroupStatus {
  /** From 1. */
  readonly number: number;
  readonly selector: string;
  readonly selectorWords: readonly string[];
  /** `disabled`: used only when no other group has a path. */
  readonly state: 'active' | 'enabled' | 'disabled';
  readonly paths: readonly PathStatus[];
}

export interface MultipathStatus {
  readonly lengthSectors: number;
  readonly features: readonly string[];
  readonly handler: readonly string[];
  /** The group that I/O uses, or will use next; 0: there is none. */
  readonly nextGroup: number;
  readonly groups: readonly GroupStatus[];
}

/** Takes words from the front. */
class Words {
  private readonly words: readonly string[];
  private at = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  next(): string {
    return this.words[this.at++] ?? '';
  }

  number(): number {
    return Number(this.next());
  }

  take(count: number): string[] {
    return Array.from({ length: count }, () => this.next());
  }

  /** A count and so many words. */
  group(): string[] {
    return this.take(this.number());
  }
}

/** Throws RqdmError `ERR_RQDM_ARGUMENT` if the device's table isn't one of multipath. */
export function readMultipathStatus(device: MappedDevice): MultipathStatus {
  const [line] = parseTable(device.table({ names: 'word' }));
  if (line?.target !== 'multipath') {
    throw new RqdmError(
      'ERR_RQDM_ARGUMENT',
      `${device.name} is no multipath device: its target is "${line?.target ?? 'none'}"`,
    );
  }
  const table = new Words(line.words);
  const info = new Words(parseTable(device.status())[0]?.words ?? []);
  const features = table.group();
  const handler = table.group();
  const groupCount = table.number();
  table.next();
  info.group();
  info.group();
  info.next();
  const nextGroup = info.number();
  const groups = Array.from({ length: groupCount }, (_, index) => readGroup(index + 1, table, info));
  return { lengthSectors: line.lengthSectors, features, handler, nextGroup, groups };
}

function readGroup(number: number, table: Words, info: Words): GroupStatus {
  const selector = table.next();
  const selectorWords = table.group();
  const letter = info.next();
  info.group();
  const pathCount = table.number();
  const tableWords = table.number();
  info.next();
  const infoWords = info.number();
  const paths = Array.from({ length: pathCount }, (): PathStatus => {
    const word = table.next();
    table.take(tableWords);
    const path = { word, number: info.next(), isActive: info.next() === 'A', failures: info.number() };
    info.take(infoWords);
    return path;
  });
  const state = letter === 'A' ? 'active' : letter === 'D' ? 'disabled' : 'enabled';
  return { number, selector, selectorWords, state, paths };
}
