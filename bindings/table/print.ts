// From the lines of a live table to text, as dmsetup prints them.
//
// dmsetup always writes a blank after the target's name, also before empty arguments: `0 100 error `. What targets
// return is printed as it is; multipath ends each of its words with a blank, so its lines end with one.

/** A line to print. Sectors of 512 bytes; `text` is what the target's `status` returned. */
export interface PrintedLine {
  readonly startSector: number | bigint;
  readonly lengthSectors: number | bigint;
  readonly target: string;
  readonly text: string;
}

/** `start length target text`, without a line end. */
export function printLine(line: PrintedLine): string {
  return `${line.startSector} ${line.lengthSectors} ${line.target} ${line.text}`;
}

/** All lines of a device; with `deviceName` each begins with `name: `, as when dmsetup shows several devices. */
export function printTable(lines: readonly PrintedLine[], deviceName?: string): string {
  const prefix = deviceName === undefined ? '' : `${deviceName}: `;
  return lines.map((line) => prefix + printLine(line)).join('\n');
}

/**
 * A word as it must stand in a table so that it is read back the same: white space and backslashes get a backslash in
 * front. A word that no table can hold (empty, or with a line end in it) gives undefined.
 */
export function quoteWord(word: string): string | undefined {
  if (word === '' || /[\n\r]/.test(word)) return undefined;
  return word.replace(/[\s\\]/g, '\\$&');
}
