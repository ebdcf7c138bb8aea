// What `rqdm io` says of bytes that were read, short enough for a line and yet enough to tell them apart.
//
//   all=5a                            every byte is this one
//   first=8 last=15 fnv=b5f20fc1      the number at the front of the first and of the last sector, and a hash of all

const SECTOR_BYTES = 512;
const NUMBER_BYTES = 4;

/**
 * Where the hash starts: 1469598103934665603, in halves. Transcripts of kernels that such hashes are compared with begin
 * there, not at the offset basis of FNV.
 */
const START_HIGH = 0x14650fb0;
const START_LOW = 0x739d0383;
/** The 64-bit FNV prime is 2^40 + 435. */
const PRIME_LOW = 0x1b3;
/** What 2^40 moves from the low half into the high one: 40 - 32 bits to the left. */
const PRIME_SHIFT = 8;

/** `data` is at least one sector. */
export function summaryOf(data: Buffer): string {
  const [byte] = data as unknown as readonly [number];
  if (data.every((one) => one === byte)) return `all=${byte.toString(16).padStart(2, '0')}`;
  const lastSector = Math.floor((data.length - 1) / SECTOR_BYTES) * SECTOR_BYTES;
  const last = data.readUInt32LE(Math.min(lastSector, data.length - NUMBER_BYTES));
  return `first=${data.readUInt32LE(0)} last=${last} fnv=${foldedHash(data)}`;
}

/** FNV-1a of 64 bits, its halves xor'd, in hexadecimal. */
function foldedHash(data: Uint8Array): string {
  let high = START_HIGH;
  let low = START_LOW;
  for (const byte of data) {
    low = (low ^ byte) >>> 0;
    const product = low * PRIME_LOW;
    high = (Math.imul(high, PRIME_LOW) + (low << PRIME_SHIFT) + Math.floor(product / 2 ** 32)) >>> 0;
    low = product >>> 0;
  }
  return ((high ^ low) >>> 0).toString(16).padStart(8, '0');
}

/** Every sector of `data` filled with its number, counted from `sector`. */
export function fillWithNumbers(data: Buffer, sector: number): void {
  for (let at = 0; at < data.length; at += NUMBER_BYTES) {
    data.writeUInt32LE((sector + Math.floor(at / SECTOR_BYTES)) % 2 ** 32, at);
  }
}
