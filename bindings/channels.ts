// What the library tells through `node:diagnostics_channel`: subscribe by name, nothing has to be passed around.
//
//   import { subscribe } from 'node:diagnostics_channel';
//   subscribe('rqdm:request:dispatch', ({ events }) => …);
//
// | channel | message | when |
// |---|---|---|
// | rqdm:bio:queue | `BatchMessage` | Q: bios have arrived at a device |
// | rqdm:bio:split | `BatchMessage` | X: a bio was cut to limits or targets; detail: sector of the rest |
// | rqdm:request:merge | `BatchMessage` | M, F, m: a bio or a request went into a request, at its back, its front, whole |
// | rqdm:request:insert | `BatchMessage` | I: a request waits in an elevator |
// | rqdm:request:dispatch | `BatchMessage` | D: a request has left its elevator, or an I/O went to a path |
// | rqdm:clone:map | `BatchMessage` | A: a request or bio has its place below; `source`, `sourceSector`: where it was |
// | rqdm:request:requeue | `BatchMessage` | R: a request goes back; detail: 1 if after a delay |
// | rqdm:request:complete | `BatchMessage` | C: a request, or part of it, has ended; detail: its status |
// | rqdm:path:fail | `PathMessage` | a target has given a path up |
// | rqdm:path:reinstate | `PathMessage` | a target uses a path again |
// | rqdm:table:event | `TableEventMessage` | whatever raises dmsetup's event number |
// | rqdm:device:suspend | `DeviceMessage` | a device is suspended |
// | rqdm:device:resume | `DeviceMessage` | a device takes I/O again |
//
// A batch message holds the events of one run of the core, in order, all devices of a mapper together. They come out of
// the core's trace ring, which runs while somebody is subscribed; without subscribers nothing is made. When the ring
// (`limits.traceRecords`) was too small for a run, `lost` says how many events are missing.
//
// Subscribers are called when the core is left, so they may do I/O; what they throw goes to the process.
import { type Channel, channel } from 'node:diagnostics_channel';
import type { TraceEvent } from './core/core.ts';
import { actionBits } from './core/event-columns.ts';

/** An event of a batch; `device` is `MAJOR:MINOR`, and so is `source`, where a remap (A) came from. */
export type BatchEvent = Omit<TraceEvent, 'device'> & { readonly device: string; readonly source: string | undefined };

export interface BatchMessage {
  /** The `DeviceMapper` that all of it happened in: numbers of devices are its own. */
  readonly mapper: object | undefined;
  readonly events: readonly BatchEvent[];
  readonly lost: number;
}

export interface DeviceMessage {
  readonly name: string;
  /** `MAJOR:MINOR`. */
  readonly number: string;
}

export interface PathMessage {
  readonly device: DeviceMessage;
  /** The word of the table that opened it, and its `MAJOR:MINOR`. */
  readonly path: string;
  readonly number: string;
  /** Paths of the device that are left. */
  readonly validPaths: number;
}

export interface TableEventMessage {
  readonly device: DeviceMessage;
  readonly reason: string;
  readonly eventNumber: number;
}

const pathFail: Channel = channel('rqdm:path:fail');
const pathReinstate: Channel = channel('rqdm:path:reinstate');
const tableEvent: Channel = channel('rqdm:table:event');
const deviceSuspend: Channel = channel('rqdm:device:suspend');
const deviceResume: Channel = channel('rqdm:device:resume');

interface BatchChannel {
  readonly channel: Channel;
  /** Letters of blktrace. */
  readonly actions: string;
  readonly bits: number;
}

function batchChannel(name: string, actions: string): BatchChannel {
  return { channel: channel(name), actions, bits: actionBits(actions) };
}

const BATCH_CHANNELS: readonly BatchChannel[] = [
  batchChannel('rqdm:bio:queue', 'Q'),
  batchChannel('rqdm:bio:split', 'X'),
  batchChannel('rqdm:request:merge', 'MFm'),
  batchChannel('rqdm:request:insert', 'I'),
  batchChannel('rqdm:request:dispatch', 'D'),
  batchChannel('rqdm:clone:map', 'A'),
  batchChannel('rqdm:request:requeue', 'R'),
  batchChannel('rqdm:request:complete', 'C'),
];

/** The letters of all events that somebody wants, as a set (`actionBits`). */
export function subscribedActions(): number {
  let actions = 0;
  for (let i = 0; i < BATCH_CHANNELS.length; i++) {
    const { channel, bits } = BATCH_CHANNELS[i] as BatchChannel;
    if (channel.hasSubscribers) actions |= bits;
  }
  return actions >>> 0;
}

/** Gives each channel its events, one message each. */
export function publishBatch(mapper: object | undefined, events: readonly BatchEvent[], lost: number): void {
  for (const { channel, actions } of BATCH_CHANNELS) {
    if (!channel.hasSubscribers) continue;
    const own = events.filter(({ action }) => actions.includes(action));
    if (own.length > 0) channel.publish({ mapper, events: own, lost } satisfies BatchMessage);
  }
}

export function publishPath(
  kind: 'path-failed' | 'path-reinstated',
  { name, number }: DeviceMessage,
  detail: Omit<PathMessage, 'device'>,
): void {
  const to = kind === 'path-failed' ? pathFail : pathReinstate;
  if (to.hasSubscribers) to.publish({ device: { name, number }, ...detail } satisfies PathMessage);
}

export function publishTableEvent({ name, number }: DeviceMessage, reason: string, eventNumber: number): void {
  if (!tableEvent.hasSubscribers) return;
  tableEvent.publish({ device: { name, number }, reason, eventNumber } satisfies TableEventMessage);
}

/** A device has come to this state. */
export function publishState(state: string, { name, number }: DeviceMessage): void {
  if (state === 'suspended' && deviceSuspend.hasSubscribers) deviceSuspend.publish({ name, number } satisfies DeviceMessage);
  if (state === 'running' && deviceResume.hasSubscribers) deviceResume.publish({ name, number } satisfies DeviceMessage);
}
