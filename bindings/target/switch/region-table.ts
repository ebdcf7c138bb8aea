// Which path each region of a switch device goes to, and the message that changes it.
//
// A table may have millions of regions, most of them never set: an entry is 0 for the default (region modulo paths) and
// else the path plus one, in the narrowest array that holds that. So a fresh table costs no time and, as memory that
// is never touched is never given, next to no memory.

const REGIONS_MAX: number = 2 ** 26;

/** Why a word of `set_region_mappings` cannot be obeyed. */
export class MappingError extends Error {}

const SET = /^([0-9a-f]*):([0-9a-f]+)$/i;
const REPEAT = /^R([0-9a-f]+),([0-9a-f]+)$/i;

export class RegionTable {
  readonly regions: number;
  private readonly paths: number;
  private readonly entries: Uint8Array | Uint16Array;

  /** `paths` is 1 … 65534, `regions` at most `RegionTable.regionsMax`. */
  constructor(regions: number, paths: number) {
    this.regions = regions;
    this.paths = paths;
    this.entries = paths < 255 ? new Uint8Array(regions) : new Uint16Array(regions);
  }

  static readonly regionsMax: number = REGIONS_MAX;

  pathOf(region: number): number {
    const entry = this.entries[region] as number;
    return entry === 0 ? region % this.paths : entry - 1;
  }

  /**
   * Obeys the words of a message, one after another; those before a bad one have been obeyed. Throws MappingError.
   *
   *   INDEX:PATH   this region goes to that path
   *   :PATH        so does the region behind the one before
   *   RN,M         the last N regions are a pattern, which the next M regions repeat
   */
  setMappings(words: readonly string[]): void {
    /** The region that was set last; -1: none yet. */
    let last = -1;
    for (const word of words) {
      const set = SET.exec(word);
      const repeat = set === null ? REPEAT.exec(word) : null;
      if (set !== null) last = this.set(last, set[1] as string, set[2] as string);
      else if (repeat !== null) last = this.repeat(last, repeat[1] as string, repeat[2] as string);
      else throw new MappingError(`expected INDEX:PATH, :PATH or RN,M in hexadecimal digits, got "${word}"`);
    }
  }

  private set(last: number, indexDigits: string, pathDigits: string): number {
    if (indexDigits === '' && last < 0) throw new MappingError('the first region mapping must say which region it is for');
    const region = indexDigits === '' ? last + 1 : Number.parseInt(indexDigits, 16);
    const path = Number.parseInt(pathDigits, 16);
    if (region >= this.regions) {
      throw new MappingError(`region ${region} is out of range: there are ${this.regions} regions, from 0`);
    }
    if (path >= this.paths) throw new MappingError(`path ${path} is out of range: there are ${this.paths} paths, from 0`);
    this.entries[region] = path + 1;
    return region;
  }

  private repeat(last: number, lengthDigits: string, countDigits: string): number {
    const length = Number.parseInt(lengthDigits, 16);
    const count = Number.parseInt(countDigits, 16);
    if (length === 0 || length > last + 1) {
      throw new MappingError(`a pattern of ${length} regions: expected 1 to ${last + 1}, as many as stand before`);
    }
    if (count >= this.regions - last) {
      throw new MappingError(`${count} regions more: expected at most ${this.regions - last - 1}, as many as are left`);
    }
    for (let region = last + 1; region <= last + count; region++) {
      this.entries[region] = this.pathOf(region - length) + 1;
    }
    return last + count;
  }
}
