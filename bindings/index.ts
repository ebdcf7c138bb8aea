// The library: what users import.

import type { MappedDevice } from './device/device.ts';
import { DeviceMapper } from './device/mapper.ts';
import type { CreateOptions, OpenOptions } from './device/mapper-options.ts';

export {
  FLAG_BACKGROUND,
  FLAG_FAILFAST,
  FLAG_FUA,
  FLAG_META,
  FLAG_NOMERGE,
  FLAG_NOUNMAP,
  FLAG_NOWAIT,
  FLAG_PREFLUSH,
  FLAG_RAHEAD,
  FLAG_SYNC,
  OPERATION_DISCARD,
  OPERATION_FLUSH,
  OPERATION_READ,
  OPERATION_WRITE,
  OPERATION_WRITE_ZEROES,
  STATUS_AGAIN,
  STATUS_BEYOND_END,
  STATUS_DEV_RESOURCE,
  STATUS_DM_REQUEUE,
  STATUS_INVAL,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_NOSPC,
  STATUS_NOTSUPP,
  STATUS_OFFLINE,
  STATUS_OK,
  STATUS_PROTECTION,
  STATUS_READ_ONLY,
  STATUS_RESOURCE,
  STATUS_RESV_CONFLICT,
  STATUS_TARGET,
  STATUS_TIMEOUT,
  STATUS_TRANSPORT,
  STATUS_UNKNOWN_FATE,
} from '../assembly/abi.ts';
export type { BatchEvent, BatchMessage, DeviceMessage, PathMessage, TableEventMessage } from './channels.ts';
export type { EventColumns } from './core/event-columns.ts';
export type { Lease } from './device/arena.ts';
export type { AttachOptions } from './device/backing-devices.ts';
export type { BatchOptions, IoBatch } from './device/batch.ts';
export type { ChunkOptions, IoRange, RangesOptions } from './device/chunks.ts';
export {
  type DeviceEvents,
  type DeviceHandle,
  type DeviceInfo,
  MappedDevice,
  type PrintOptions,
  type RemoveOptions,
  type SuspendOptions,
  type TableLoadOptions,
  type TableSlot,
} from './device/device.ts';
export type { DiskColumns, DiskStats } from './device/disk-stats.ts';
export type { WaitOptions } from './device/event-counter.ts';
export { type EncodedHistogram, Histogram } from './device/histogram.ts';
export {
  type IoOptions,
  type IoPriority,
  type PriorityClass,
  priorityFlags,
  type ReadOptions,
  type WriteOptions,
  type WriteZeroesOptions,
} from './device/io-options.ts';
export type { MapperLimits } from './device/limits.ts';
export { DeviceMapper } from './device/mapper.ts';
export type { CreateOptions, MapperOptions, OpenOptions } from './device/mapper-options.ts';
export type { BackingView } from './device/opened.ts';
export type { PlainDevice } from './device/plain.ts';
export type { DeviceQueue, QueueValue } from './device/queue-settings.ts';
export type { DeviceStats, Latency, PathStats } from './device/stats.ts';
export { statusName } from './device/status.ts';
export type { Submitter } from './device/submitter.ts';
export type { TraceBatch } from './device/tracer.ts';
export { type IoErrorDetails, type IoOperation, RqdmError, RqdmIoError, RqdmTableError } from './errors.ts';
export type { MarginalOptions } from './multipathd/marginal.ts';
export type { GroupStatus, MultipathStatus, PathStatus } from './multipathd/multipath-status.ts';
export { type CheckedPath, PathChecker, type PathCheckerOptions } from './multipathd/path-checker.ts';
export { type TopologyOptions, topology } from './multipathd/topology.ts';
export { type Sense, statusOfSense } from './sense.ts';
export { ArgumentReader } from './table/arguments.ts';
export * from './table/builders.ts';
export { parseTable, type TableLine } from './table/parse.ts';
export {
  type AccessState,
  ArrayModel,
  type ArrayOptions,
  type PortGroup,
} from './target/multipath/hardware-handler/array-model.ts';
export * from './target/multipath/hardware-handler/handler.ts';
export type { HardwareHandlerRegistry } from './target/multipath/hardware-handler/registry.ts';
export type { MultipathParameters } from './target/multipath/parameters.ts';
export { NO_PATH, type PathSelector, type SelectorContext, type SelectorType } from './target/multipath/selector/selector.ts';
export type {
  DeviceReference,
  ExplainedDecision,
  ExplainedPath,
  Explanation,
  PathLimits,
  Target,
  TargetContext,
  TargetEvent,
  TargetExtent,
  TargetIo,
  TargetType,
} from './target/target.ts';
export type { Time, TimerOptions, Turn } from './time/time.ts';
export { VirtualTime } from './time/virtual-time.ts';

let defaultMapper: DeviceMapper | undefined;

/** The mapper behind `openDevice` and `createDevice`: made at the first use. */
export function getDefaultMapper(): DeviceMapper {
  defaultMapper ??= new DeviceMapper();
  return defaultMapper;
}

/** Opens a device over one path, or over several paths to the same storage, in the default mapper. */
export function openDevice(paths: string | readonly string[], options: OpenOptions = {}): Promise<MappedDevice> {
  return getDefaultMapper().openDevice(paths, options);
}

/** Creates a device by a table, in the default mapper. */
export function createDevice(options: CreateOptions): Promise<MappedDevice> {
  return getDefaultMapper().createDevice(options);
}
