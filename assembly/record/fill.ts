import { FILL_BYTES, HEADER_FILL, HEADER_FILL_COUNT } from '../abi';
import { header, root, setHeader } from './root';

// Memory that the host zeroes before it tells anybody: reads of a zero extent, or of a device that holds nothing.

/** Records of the ring: what is high already, and then all bios there are. */
export function fillsMax(bios: u32): u32 {
  return bios + (bios >> 1) + 1;
}

/** The ring is half full: let the host come first. */
export function isFillHigh(): bool {
  return header(HEADER_FILL_COUNT) > root().biosTotal >> 1;
}

export function fill(address: u32, bytes: u32): void {
  const index = header(HEADER_FILL_COUNT);
  const at = <usize>header(HEADER_FILL) + <usize>index * FILL_BYTES;
  if (index && load<u32>(at - FILL_BYTES) + load<u32>(at - FILL_BYTES, 4) == address) {
    store<u32>(at - FILL_BYTES, load<u32>(at - FILL_BYTES, 4) + bytes, 4);
    return;
  }
  assert(index < fillsMax(root().biosTotal));
  store<u32>(at, address);
  store<u32>(at, bytes, 4);
  setHeader(HEADER_FILL_COUNT, index + 1);
}
