// The blocking loop without a thread: the call is made inside `issue`, on the thread that runs the device, and answered
// at once. Cheapest by far where calls never wait; where they do, everything waits (rule 13).

import { STATUS_OK } from '../../assembly/abi.ts';
import type { Backend } from './backend/backend.ts';
import { KnownPath, type PathFacts } from './known-path.ts';
import type { Path, PathSink } from './path.ts';
import type { SharedMemory } from './shared-memory.ts';

export class InlinePath extends KnownPath implements Path {
  readonly isInstant: boolean;
  readonly inFlight = 0;
  readonly #backend: Backend;
  readonly #sink: PathSink;
  readonly #arenaMemory: () => SharedMemory;
  readonly #release: () => void;
  #arena: Uint8Array | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    facts: PathFacts,
    backend: Backend,
    sink: PathSink,
    arenaMemory: () => SharedMemory,
    isInstant: boolean,
    release: () => void,
  ) {
    super(facts);
    this.isInstant = isInstant;
    this.#backend = backend;
    this.#sink = sink;
    this.#arenaMemory = arenaMemory;
    this.#release = release;
  }

  get loop(): 'inline' | 'instant' {
    return this.isInstant ? 'instant' : 'inline';
  }

  issue(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void {
    this.#arena ??= new Uint8Array(this.#arenaMemory().buffer);
    const backend = this.#backend;
    const status = backend.perform(this.#arena, operation, position, bytes, address, segments, segmentTable, segmentIndex);
    this.#sink.answer(id, status, (status === STATUS_OK ? bytes : backend.goodBytes) >>> 9);
  }

  kick(): void {}

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = Promise.resolve();
      this.#release();
    }
    return this.#closing;
  }
}
