// Places in bytes: what may be asked of a device, and writes that begin or end inside a block.
import { RqdmError } from '../errors.ts';

interface Ranged {
  readonly name: string;
  readonly size: number;
  readonly isReadOnly: boolean;
  assertOpen(what: string): void;
}

/** Throws ERR_RQDM_RANGE, ERR_RQDM_CLOSED or EROFS, naming the figures. */
export function checkRange(device: Ranged, what: string, position: number, length: number): void {
  device.assertOpen(what);
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new RqdmError(
      'ERR_RQDM_RANGE',
      `${what} on ${device.name}: position is ${position}: expected a whole number from 0 on`,
    );
  }
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RqdmError('ERR_RQDM_RANGE', `${what} on ${device.name}: length is ${length}: expected a whole number from 0 on`);
  }
  if (position + length > device.size) {
    throw new RqdmError(
      'ERR_RQDM_RANGE',
      `${what} of ${length} bytes at position ${position} on ${device.name}: expected an end of at most ${device.size}, the device's size`,
    );
  }
  if (what === 'write' && device.isReadOnly) throw new RqdmError('EROFS', `write on ${device.name}: the device is read-only`);
}

interface ReadWrite {
  readonly size: number;
  read(position: number, length: number): Promise<Buffer>;
  write(view: Uint8Array, position: number): Promise<number>;
}

/**
 * Reads the first and last block, changes them, writes all of it; two such writes never work on one block at a time.
 * `busy` holds, for each block in work, the promise of its end.
 */
export async function unalignedWrite(
  device: ReadWrite,
  busy: Map<number, Promise<void>>,
  view: Uint8Array,
  position: number,
  block: number,
): Promise<number> {
  const start = position - (position % block);
  const last = position + view.byteLength;
  const end = Math.min(device.size, Math.ceil(last / block) * block);
  const edges = [start / block, Math.floor((last - 1) / block)];
  while (edges.some((edge) => busy.has(edge))) await Promise.all(edges.map((edge) => busy.get(edge)));
  let free: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    free = resolve;
  });
  for (const edge of edges) busy.set(edge, held);
  try {
    const whole = await device.read(start, end - start);
    whole.set(view, position - start);
    await device.write(whole, start);
    return view.byteLength;
  } finally {
    for (const edge of edges) busy.delete(edge);
    free();
  }
}
