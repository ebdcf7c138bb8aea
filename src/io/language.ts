// The words of `rqdm io`: what to do with a device, in sectors of 512 bytes. One list for whoever reads them and whoever
// obeys them.
//
//   r:SECTOR:COUNT          read
//   w:SECTOR:COUNT[:BYTE]   write, each byte BYTE (0x5a)
//   p:SECTOR:COUNT          write, each sector filled with its own number: 32 bits, little-endian, again and again
//   s                       submit what has been asked for, in one call
//   1                       submit what has been asked for, each in a call of its own
//   b                       submit, and wait for all
//   f                       b, then flush
//   d:SECTOR:COUNT          b, then discard
//   z:SECTOR:COUNT          b, then write zeroes
//   m:MILLISECONDS          wait
//
// At the end of the words stands a `b`.

export type IoStep =
  | { readonly kind: 'read'; readonly sector: number; readonly sectors: number }
  | { readonly kind: 'write'; readonly sector: number; readonly sectors: number; readonly byte: number | undefined }
  | { readonly kind: 'submit'; readonly isTogether: boolean; readonly isWaitedFor: boolean }
  | { readonly kind: 'flush' }
  | { readonly kind: 'discard' | 'zeroes'; readonly sector: number; readonly sectors: number }
  | { readonly kind: 'sleep'; readonly milliseconds: number };

/** Bytes of one operation at most. */
const BYTES_MAX = 64 * 2 ** 20;
const SLEEP_MS_MAX = 600_000;
const BYTE = 0x5a;

/** What is wrong with a word; `at` is its place, from 0. */
export class IoWordError extends Error {
  override readonly name: string = 'IoWordError';
  constructor(word: string, at: number, expected: string) {
    super(`word ${at + 1}, "${word.slice(0, 60)}": expected ${expected}`);
  }
}

/** Throws IoWordError. */
export function parseSteps(words: readonly string[]): IoStep[] {
  return words.map((word, at) => parseStep(word, at));
}

function parseStep(word: string, at: number): IoStep {
  const [letter, ...rest] = word.split(':');
  const wrong = (expected: string): IoWordError => new IoWordError(word, at, expected);
  const range = (form: string, wordsMax = 2): { sector: number; sectors: number } => {
    const [sector, sectors] = [numberOf(rest[0]), numberOf(rest[1])];
    if (sector === undefined || sectors === undefined || rest.length > wordsMax) throw wrong(`${form}, in sectors`);
    if (sectors === 0 || sectors * 512 > BYTES_MAX) throw wrong(`a count from 1 to ${BYTES_MAX / 512}`);
    return { sector, sectors };
  };
  const alone = <Step extends IoStep>(step: Step): Step => {
    if (rest.length > 0) throw wrong(`${letter} alone`);
    return step;
  };
  switch (letter) {
    case 'r':
      return { kind: 'read', ...range('r:SECTOR:COUNT') };
    case 'w': {
      const byte = rest.length > 2 ? numberOf(rest[2]) : BYTE;
      if (byte === undefined || byte > 0xff) throw wrong('w:SECTOR:COUNT:BYTE with a byte from 0 to 0xff');
      return { kind: 'write', ...range('w:SECTOR:COUNT[:BYTE]', 3), byte };
    }
    case 'p':
      return { kind: 'write', ...range('p:SECTOR:COUNT'), byte: undefined };
    case 's':
      return alone({ kind: 'submit', isTogether: true, isWaitedFor: false });
    case '1':
      return alone({ kind: 'submit', isTogether: false, isWaitedFor: false });
    case 'b':
      return alone({ kind: 'submit', isTogether: true, isWaitedFor: true });
    case 'f':
      return alone({ kind: 'flush' });
    case 'd':
      return { kind: 'discard', ...range('d:SECTOR:COUNT') };
    case 'z':
      return { kind: 'zeroes', ...range('z:SECTOR:COUNT') };
    case 'm': {
      const milliseconds = numberOf(rest[0]);
      if (milliseconds === undefined || milliseconds > SLEEP_MS_MAX || rest.length > 1) {
        throw wrong(`m:MILLISECONDS, at most ${SLEEP_MS_MAX}`);
      }
      return { kind: 'sleep', milliseconds };
    }
    default:
      throw wrong('r, w, p, s, 1, b, f, d, z or m');
  }
}

/** Decimal, or hexadecimal after 0x. */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(\d{1,16}|0[xX][0-9a-fA-F]{1,13})$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
