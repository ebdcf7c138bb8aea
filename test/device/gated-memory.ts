// A backend for tests, over memory that all its paths share: calls wait, die or sit in a system call where its gate says.

import { readSync } from 'node:fs';
import type { Backend } from '../../bindings/path/backend/backend.ts';
import { MemoryBackend } from '../../bindings/path/backend/memory.ts';

export const GATE_ACTION = 0;
export const GATE_OPEN = 1; // waiting ends when this is 1
export const GATE_BEGUN = 2; // calls begun
export const GATE_ENDED = 3; // calls that came back from waiting
export const GATE_PIPE = 4; // descriptor of an empty pipe
export const GATE_WORDS = 8;

export const ACTION_NONE = 0;
/** Waits where a thread can be ended, then goes on as if nothing had been; a read brings rubbish. */
export const ACTION_WAIT = 1;
/** The same in a system call, out of which no thread can be ended. */
export const ACTION_SYSTEM_CALL = 2;
export const ACTION_DIE = 3;
/** Does all at once, but waits with the answer. */
export const ACTION_ANSWER_LATE = 4;

export const RUBBISH = 0xbb;

export interface GatedData {
  readonly gate: Int32Array;
  readonly memory: Uint8Array;
  /** Writes begun at each sector, by all paths. */
  readonly writes: Int32Array;
}

export function create(data: unknown): Backend {
  const { gate, memory, writes } = data as GatedData;
  const inner = new MemoryBackend({ kind: 'memory', memory, isReadOnly: false, abilities: 0 });
  return {
    goodBytes: 0,
    perform(arena, word, position, bytes, address, segments, table, index) {
      const isWriting = (word & 1) !== 0;
      if (isWriting) for (let at = position; at < position + bytes; at += 512) Atomics.add(writes, at / 512, 1);
      Atomics.add(gate, GATE_BEGUN, 1);
      switch (Atomics.load(gate, GATE_ACTION)) {
        case ACTION_NONE:
          return inner.perform(arena, word, position, bytes, address, segments, table, index);
        case ACTION_ANSWER_LATE: {
          const status = inner.perform(arena, word, position, bytes, address, segments, table, index);
          Atomics.wait(gate, GATE_OPEN, 0);
          return status;
        }
        case ACTION_DIE:
          process.exit(3);
          break;
        case ACTION_SYSTEM_CALL:
          readSync(Atomics.load(gate, GATE_PIPE), new Uint8Array(1));
          break;
        default:
          Atomics.wait(gate, GATE_OPEN, 0);
      }
      const status = inner.perform(arena, word, position, bytes, address, segments, table, index);
      if (!isWriting) arena.fill(RUBBISH, address, address + bytes);
      Atomics.add(gate, GATE_ENDED, 1);
      return status;
    },
  };
}
