// What the kernel shows of a block device in `/sys/block/NAME`, as files by their names: the queue with its limits and the
// settings of its scheduler, the counters, who uses whom.

import type { BackingView, DeviceQueue, DiskStats, MappedDevice } from '../../bindings/index.ts';

/** A device with a queue, mapped or backing. */
export interface BlockDevice {
  /** As in `/sys/block`. */
  readonly blockName: string;
  /** `MAJOR:MINOR`. */
  readonly number: string;
  readonly sizeSectors: bigint;
  readonly isReadOnly: boolean;
  /** It makes requests of bios. */
  readonly hasRequests: boolean;
  readonly inFlight: number;
  readonly writesInFlight: number;
  readonly queue: DeviceQueue;
  readonly stats: DiskStats;
  readonly mapped: MappedDevice | undefined;
  /** Of a SCSI disk: the hardware handler that is attached to it. */
  readonly handler: string | undefined;
  /** Block names of the devices below it, and of those that stand on it. */
  readonly slaves: readonly string[];
  readonly holders: readonly string[];
}

export interface BlockMapper {
  readonly devices: readonly MappedDevice[];
  readonly backings: readonly BackingView[];
  hardwareHandlerOf(device: BackingView): string | undefined;
}

const SECTOR_BYTES = 512;
const READ_AHEAD_KB = 128;
const NODE_FOLDER = '/dev/';
const SCSI_DISK = /^sd[a-z]+$/;

/** All that tables may name by a node: attached devices in the order of their numbers, then mapped ones. */
export function blockDevices(mapper: BlockMapper): BlockDevice[] {
  const { devices, backings } = mapper;
  const nodes = backings.filter(({ word }) => word.startsWith(NODE_FOLDER));
  const nameOf = new Map(nodes.map(({ number, blockName }) => [number, blockName]));
  for (const device of devices) nameOf.set(device.number, `dm-${device.minor}`);
  const below = (device: MappedDevice): string[] =>
    device.dependencies().flatMap(({ number }) => (nameOf.has(number) ? [nameOf.get(number) as string] : []));
  const above = (blockName: string): string[] =>
    devices.filter((device) => below(device).includes(blockName)).map(({ minor }) => `dm-${minor}`);
  return [
    ...nodes.map((node) => ({
      blockName: node.blockName,
      number: node.number,
      sizeSectors: BigInt(Math.ceil(node.sizeBytes / SECTOR_BYTES)),
      isReadOnly: node.isReadOnly,
      hasRequests: node.isRequestStackable,
      inFlight: node.inFlight,
      writesInFlight: node.writesInFlight,
      queue: node.queue,
      stats: node.diskStats(),
      mapped: undefined,
      handler: SCSI_DISK.test(node.blockName) ? (mapper.hardwareHandlerOf(node) ?? 'detached') : undefined,
      slaves: [],
      holders: above(node.blockName),
    })),
    ...devices.map((device) => ({
      blockName: `dm-${device.minor}`,
      number: device.number,
      sizeSectors: device.exactSectors,
      isReadOnly: device.isReadOnly,
      hasRequests: device.tableType === 'request',
      inFlight: device.inFlight,
      writesInFlight: device.writesInFlight,
      queue: device.queue,
      stats: device.diskStats(),
      mapped: device,
      handler: undefined,
      slaves: below(device),
      holders: above(`dm-${device.minor}`),
    })),
  ];
}

/** Files by their names below the device's folder. A name that ends in `/` is an empty folder. */
export function attributesOf(device: BlockDevice): Record<string, string> {
  const files: Record<string, string> = {
    alignment_offset: '0',
    capability: '0',
    dev: device.number,
    discard_alignment: '0',
    ext_range: device.mapped ? '1' : '256',
    hidden: '0',
    inflight: [device.inFlight - device.writesInFlight, device.writesInFlight]
      .map((count) => String(count).padStart(8))
      .join(' '),
    range: SCSI_DISK.test(device.blockName) ? '16' : '1',
    removable: '0',
    ro: device.isReadOnly ? '1' : '0',
    size: String(device.sizeSectors),
    stat: statLine(device),
    'slaves/': '',
    'holders/': '',
  };
  for (const name of device.slaves) files[`slaves/${name}/`] = '';
  for (const name of device.holders) files[`holders/${name}/`] = '';
  if (device.hasRequests) files['mq/0/'] = '';
  if (device.mapped) Object.assign(files, mappedFiles(device.mapped));
  if (device.handler !== undefined) files['device/dh_state'] = device.handler;
  for (const [name, value] of Object.entries(queueFiles(device))) files[`queue/${name}`] = value;
  return files;
}

function mappedFiles(device: MappedDevice): Record<string, string> {
  return {
    'dm/name': device.name,
    'dm/uuid': device.uuid,
    'dm/suspended': device.isSuspended ? '1' : '0',
    'dm/use_blk_mq': '1',
    'dm/rq_based_seq_io_merge_deadline': '0',
  };
}

/** Seventeen numbers, each in its column. */
function statLine({ stats }: BlockDevice): string {
  const widths = [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8];
  return stats.columns.map((value, index) => String(value).padStart(widths[index] as number)).join(' ');
}

/** What rqdm has no counterpart for is what a device without it shows. */
const FIXED_QUEUE_FILES: Readonly<Record<string, string>> = {
  add_random: '0',
  dax: '0',
  discard_zeroes_data: '0',
  dma_alignment: '511',
  io_poll: '0',
  io_poll_delay: '-1',
  io_timeout: '30000',
  max_active_zones: '0',
  max_integrity_segments: '0',
  max_open_zones: '0',
  nr_zones: '0',
  rq_affinity: '1',
  stable_writes: '0',
  virt_boundary_mask: '0',
  wbt_lat_usec: '0',
  write_same_max_bytes: '0',
  zone_append_max_bytes: '0',
  zone_write_granularity: '0',
  zoned: 'none',
};

/** Attributes of the queue that are its settings by the same names. */
const QUEUE_SETTINGS: readonly string[] = [
  'chunk_sectors',
  'discard_granularity',
  'discard_max_bytes',
  'fua',
  'logical_block_size',
  'max_discard_segments',
  'max_hw_sectors_kb',
  'max_sectors_kb',
  'max_segments',
  'max_segment_size',
  'minimum_io_size',
  'nomerges',
  'nr_requests',
  'optimal_io_size',
  'physical_block_size',
  'rotational',
  'write_cache',
  'write_zeroes_max_bytes',
];

/** Settings that are ours alone. */
const OWN_SETTINGS: ReadonlySet<string> = new Set(['kernel_plug_order', 'pull_early', 'issue_in_turn', 'scheduler']);

function queueFiles({ queue, hasRequests }: BlockDevice): Record<string, string> {
  const files: Record<string, string> = { ...FIXED_QUEUE_FILES, iostats: hasRequests ? '1' : '0' };
  for (const name of QUEUE_SETTINGS) files[name] = String(queue.get(name));
  files['discard_max_hw_bytes'] = String(queue.get('discard_max_bytes'));
  files['hw_sector_size'] = String(queue.get('logical_block_size'));
  files['read_ahead_kb'] = String(Math.max(READ_AHEAD_KB, (2 * Number(queue.get('optimal_io_size'))) / 1024));
  files['scheduler'] = schedulerLine(queue, hasRequests);
  if (!hasRequests) return files;
  for (const [name, value] of queue.entries()) {
    if (!OWN_SETTINGS.has(name) && !QUEUE_SETTINGS.includes(name)) files[`iosched/${name}`] = String(value);
  }
  return files;
}

/** `[mq-deadline] kyber scan none`; without one the kernel begins with it, and ends in a blank. */
function schedulerLine(queue: DeviceQueue, hasRequests: boolean): string {
  if (!hasRequests) return 'none';
  const names = queue.show('scheduler').split(' ');
  if (!names.includes('[none]')) return names.join(' ');
  return `${['[none]', ...names.filter((name) => name !== '[none]')].join(' ')} `;
}

/** The setting of a queue that a file stands for; undefined for one that cannot be written. */
export function settingOfFile(file: string): string | undefined {
  const [, name] = /^queue\/(?:iosched\/)?([^/]+)$/.exec(file) ?? [];
  return name === undefined || name in FIXED_QUEUE_FILES ? undefined : name;
}

/** Written, but without any effect, as in the kernel. */
export function isIgnored(file: string): boolean {
  return (
    file === 'dm/rq_based_seq_io_merge_deadline' ||
    ['iostats', 'rq_affinity', 'add_random', 'read_ahead_kb'].some((name) => file === `queue/${name}`)
  );
}
