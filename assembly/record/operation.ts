import { OPERATION_FLUSH, OPERATION_WRITE } from '../abi';

/** Reads and writes: what has memory of its own. They have the two lowest numbers, so one look tells. */
export function hasPayload(operation: u32): bool {
  return operation <= <u32>OPERATION_WRITE;
}

/** DISCARD, WRITE_ZEROES and whatever else has a range and no memory. */
export function isAbnormal(operation: u32): bool {
  return !hasPayload(operation) && operation != OPERATION_FLUSH;
}
