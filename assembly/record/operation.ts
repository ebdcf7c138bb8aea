import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../abi';

/** Reads and writes: what has memory of its own. */
export function hasPayload(operation: u32): bool {
  return operation == OPERATION_READ || operation == OPERATION_WRITE;
}

/** DISCARD, WRITE_ZEROES and whatever else has a range and no memory. */
export function isAbnormal(operation: u32): bool {
  return !hasPayload(operation) && operation != OPERATION_FLUSH;
}
