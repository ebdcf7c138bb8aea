// Events of the trace ring as columns, for who takes many: no object for an event.

const FIRST_CAPACITY = 1024;

/** Events of every kind. */
export const ALL_ACTIONS = 0xffff_ffff;

/** The kinds of events with these letters of blktrace, as a set. */
export function actionBits(letters: string): number {
  let bits = 0;
  for (let i = 0; i < letters.length; i++) bits |= 1 << (letters.charCodeAt(i) & 31);
  return bits >>> 0;
}

/** The first `count` rows hold something. The columns are filled anew for the next batch, and may be others then. */
export class EventColumns {
  count = 0;
  /** Events that the ring (`limits.traceRecords`) had no room for, of whatever device and kind. */
  lost = 0;
  /** By the mapper's clock. */
  timeNs: Float64Array = new Float64Array(FIRST_CAPACITY);
  sector: Float64Array = new Float64Array(FIRST_CAPACITY);
  sectors: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  /** Letters of blktrace, as character codes. */
  action: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  /** OPERATION_ values. */
  operation: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  /** FLAG_ bits, without the priority. */
  flags: Uint16Array = new Uint16Array(FIRST_CAPACITY);

  /** Makes room for so many more. */
  reserve(more: number): void {
    const wanted = this.count + more;
    if (wanted <= this.timeNs.length) return;
    let capacity = this.timeNs.length;
    while (capacity < wanted) capacity *= 2;
    this.timeNs = grown(this.timeNs, new Float64Array(capacity));
    this.sector = grown(this.sector, new Float64Array(capacity));
    this.sectors = grown(this.sectors, new Uint32Array(capacity));
    this.action = grown(this.action, new Uint8Array(capacity));
    this.operation = grown(this.operation, new Uint8Array(capacity));
    this.flags = grown(this.flags, new Uint16Array(capacity));
  }

  /** There is room. */
  add(timeNs: number, sector: number, sectors: number, action: number, operation: number, flags: number): void {
    const row = this.count++;
    this.timeNs[row] = timeNs;
    this.sector[row] = sector;
    this.sectors[row] = sectors;
    this.action[row] = action;
    this.operation[row] = operation;
    this.flags[row] = flags;
  }

  clear(): void {
    this.count = 0;
    this.lost = 0;
  }
}

function grown<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
