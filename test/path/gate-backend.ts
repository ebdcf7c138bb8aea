// A backend for tests that waits, dies or breaks where it is told to. Its gate is shared with the test.

import type { Backend } from '../../bindings/path/backend/backend.ts';

export const GATE_SECTOR = 0; // I/O at this sector does what is said here
export const GATE_ACTION = 1;
export const GATE_OPEN = 2; // Atomics.wait ends when this is 1
export const GATE_PERFORMED = 3; // calls begun
export const GATE_MICROS = 4; // every call takes so long

export const ACTION_NONE = 0;
export const ACTION_WAIT = 1;
export const ACTION_EXIT = 2;
export const ACTION_THROW = 3;
/** Waits, then fills the payload with 0xbb: the late writer that quarantine is for. */
export const ACTION_WAIT_THEN_FILL = 4;

export function create(data: unknown): Backend {
  const gate = new Int32Array(data as SharedArrayBuffer);
  return {
    goodBytes: 0,
    perform(arena, operation, position, bytes, address) {
      Atomics.add(gate, GATE_PERFORMED, 1);
      Atomics.notify(gate, GATE_PERFORMED);
      const micros = Atomics.load(gate, GATE_MICROS);
      for (const end = performance.now() + micros / 1000; performance.now() < end; );
      if (position / 512 === Atomics.load(gate, GATE_SECTOR)) {
        switch (Atomics.load(gate, GATE_ACTION)) {
          case ACTION_WAIT:
            Atomics.wait(gate, GATE_OPEN, 0);
            break;
          case ACTION_WAIT_THEN_FILL:
            Atomics.wait(gate, GATE_OPEN, 0);
            arena.fill(0xbb, address, address + bytes);
            return 0;
          case ACTION_EXIT:
            process.exit(3);
            break;
          case ACTION_THROW:
            throw new Error('a mistake in a backend');
        }
      }
      if (operation === 0) arena.fill(0xaa, address, address + bytes);
      return 0;
    },
  };
}
