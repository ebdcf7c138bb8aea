// What the control socket needs of a mapper and its devices. The library's DeviceMapper has all of it; tests may put
// simpler ones in its place.

export interface ControlledMapper {
  createDevice(request: {
    readonly name: string;
    readonly uuid?: string;
    readonly minor?: number;
    readonly readOnly?: boolean;
  }): Promise<ControlledDevice>;
  /** By name, uuid, `MAJOR:MINOR`, `/dev/mapper/NAME` or `/dev/dm-N`. */
  getDevice(word: string): ControlledDevice | undefined;
  /** In byte order of their names. */
  readonly devices: readonly ControlledDevice[];
  readonly targets: readonly ControlledTarget[];
  attach(node: string, word: string, request?: AttachRequest): ControlledBacking;
  detach(node: string): Promise<void>;
}

export interface ControlledTarget {
  readonly name: string;
  readonly version: readonly [number, number, number];
}

export interface ControlledBacking {
  /** `MAJOR:MINOR`. */
  readonly number: string;
}

export interface AttachRequest {
  /** `MAJOR:MINOR`. */
  readonly number?: string;
  readonly limits?: Readonly<Record<string, number>>;
  readonly readOnly?: boolean;
}

export interface ControlledDevice {
  readonly name: string;
  readonly uuid: string;
  /** `MAJOR:MINOR`. */
  readonly number: string;
  readonly eventNumber: number;
  readonly openCount: number;
  /** Bytes. */
  readonly size: number;
  /** The best I/O for its storage, 512-byte sectors; 0: none is. */
  readonly ioOptSectors: number;
  info(): ControlledInfo;
  load(text: string, options?: { readonly readOnly?: boolean }): void;
  clear(): void;
  suspend(options?: SuspendRequest): Promise<void>;
  resume(options?: SuspendRequest): Promise<void>;
  rename(name: string): void;
  setUuid(uuid: string): void;
  remove(options?: { readonly deferred?: boolean; readonly force?: boolean }): Promise<void>;
  waitForEvent(number: number, options?: { readonly signal?: AbortSignal }): Promise<number>;
  table(options?: { readonly slot?: TableSlot }): string;
  status(options?: { readonly slot?: TableSlot }): string;
  dependencies(options?: { readonly slot?: TableSlot }): readonly { readonly number: string; readonly word: string }[];
  message(text: string, options?: { readonly sector?: number }): string | undefined;
}

export interface ControlledInfo {
  readonly name: string;
  readonly uuid: string;
  readonly major: number;
  readonly minor: number;
  readonly state: 'ACTIVE' | 'SUSPENDED';
  readonly isReadOnly: boolean;
  readonly isDeferredRemove: boolean;
  readonly hasLiveTable: boolean;
  readonly hasInactiveTable: boolean;
  readonly openCount: number;
  readonly eventNumber: number;
  /** Of the live table. */
  readonly targetCount: number;
}

export type TableSlot = 'live' | 'inactive';

export interface SuspendRequest {
  readonly noflush?: boolean;
  readonly nolockfs?: boolean;
  readonly signal?: AbortSignal;
}
