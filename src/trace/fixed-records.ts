// Binary records of one length, one after the other.

import type { ReadContext, Reader } from './format/format.ts';

/** Takes the record at `at`. Returns the reason why it is left out, or undefined. */
export type RecordTaker = (view: DataView, at: number) => string | undefined;

export function fixedReader(context: ReadContext, recordBytes: number, take: RecordTaker, end?: () => void): Reader {
  return {
    seen: 0,
    read(bytes, from, to, isLast, offset) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      let at = from;
      for (; to - at >= recordBytes; at += recordBytes) {
        (this as { seen: number }).seen++;
        const reason = take(view, at);
        if (reason !== undefined) context.skips.skip(`byte ${offset + at - from}`, reason);
      }
      if (isLast && at < to) {
        (this as { seen: number }).seen++;
        context.skips.skip(`byte ${offset + at - from}`, 'the record is cut off', `${to - at} of ${recordBytes} bytes`);
        return to;
      }
      return at;
    },
    end() {
      end?.();
    },
  };
}

/** A number of 64 bits, or -1 if it is beyond 2^53. */
export function wide(view: DataView, at: number, isLittle = true): number {
  const first = view.getUint32(at, isLittle);
  const second = view.getUint32(at + 4, isLittle);
  const value = isLittle ? second * 4294967296 + first : first * 4294967296 + second;
  return value > Number.MAX_SAFE_INTEGER ? -1 : value;
}
