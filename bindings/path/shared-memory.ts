// Shared memory that begins on a page: a shared WebAssembly.Memory without a module. O_DIRECT takes it, a plain
// SharedArrayBuffer gives EINVAL. The types are ours because those of WebAssembly come only with the DOM's.

const WASM_PAGE_BYTES = 65536;

/** What a WebAssembly.Memory of fixed size is to us. */
export interface SharedMemory {
  readonly buffer: ArrayBufferLike;
}

interface MemoryNamespace {
  readonly WebAssembly: {
    readonly Memory: new (limits: {
      initial: number;
      maximum: number;
      shared: boolean;
    }) => { readonly buffer: SharedArrayBuffer };
  };
}

/** `bytes` rounded up to 64 KiB; the system gives pages as they are touched. */
export function createSharedMemory(bytes: number): SharedMemory {
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  const { WebAssembly } = globalThis as unknown as MemoryNamespace;
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}
