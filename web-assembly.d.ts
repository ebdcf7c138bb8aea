// The part of the WebAssembly namespace that the library and the loader use. TypeScript declares it only in its DOM
// library, which would also bring globals such as `name` and `status` that hide a misspelt variable.

declare namespace WebAssembly {
  interface MemoryDescriptor {
    /** Pages of 64 KiB. */
    initial: number;
    maximum?: number;
    shared?: boolean;
  }
  interface Memory {
    /** A SharedArrayBuffer if the memory was made with `shared`. */
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  const Memory: { new (descriptor: MemoryDescriptor): Memory };

  interface Table {
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(entries: number): number;
  }

  type Module = object;
  const Module: { new (bytes: BufferSource): Module };

  type Imports = Record<string, Record<string, unknown>>;
  type Exports = Record<string, unknown>;
  interface Instance {
    readonly exports: Exports;
  }
  const Instance: { new (module: Module, imports?: Imports): Instance };

  /** What an instance throws when it traps. */
  interface RuntimeError extends Error {}
  const RuntimeError: { new (message?: string): RuntimeError };
}

// Named in the loader's declarations.
type BufferSource = ArrayBufferView | ArrayBufferLike;
