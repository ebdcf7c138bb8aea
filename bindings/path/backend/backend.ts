// The contract of a blocking backend: one call, made at once, on whichever thread it is made.
//
// The main thread opens (descriptors belong to the whole process), and what it learnt travels to a worker as a
// *description*: plain data and shared buffers. Both threads make a backend from it. A backend is never used by two
// threads at a time for the same I/O, but may be by two threads for different ones, so it keeps nothing between calls.

import { FileBackend, type FileDescription } from './file.ts';
import { MemoryBackend, type MemoryDescription } from './memory.ts';
import { NullBackend, type NullDescription } from './null.ts';

/** A backend of somebody else's, for tests: `create(data)` of that module returns a Backend. */
export interface ModuleDescription {
  readonly kind: 'module';
  /** A `file:` URL of compiled JavaScript. */
  readonly url: string;
  readonly data: unknown;
}

export type BackendDescription = FileDescription | MemoryDescription | NullDescription | ModuleDescription;

export interface Backend {
  /**
   * Bytes done from the front, valid after a `perform` that did not return STATUS_OK. A field, so that nothing is
   * allocated for an answer.
   */
  goodBytes: number;
  /**
   * One I/O, start to end; returns a `STATUS_*` and throws nothing. `arena` views all of the arena. `operation` is the
   * word of `Path.issue`, flags and all. The payload lies at `address` when `segments` is 1, else in `segments` pairs
   * (address, bytes) of `table` from pair `index` on; pieces beyond `bytes` are left alone. A DISCARD of several segments
   * has its ranges there instead, two pairs each, and `bytes` is their sum.
   */
  perform(
    arena: Uint8Array,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    table: Uint32Array,
    index: number,
  ): number;
}

export function createBackend(description: Exclude<BackendDescription, ModuleDescription>): Backend {
  switch (description.kind) {
    case 'file':
      return new FileBackend(description);
    case 'memory':
      return new MemoryBackend(description);
    case 'null':
      return new NullBackend(description);
  }
}

/** On a worker, where a backend of somebody else's has to be imported first. */
export async function loadBackend(description: BackendDescription): Promise<Backend> {
  if (description.kind !== 'module') return createBackend(description);
  const module = (await import(description.url)) as { create(data: unknown): Backend };
  return module.create(description.data);
}
