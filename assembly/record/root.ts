import { DEVICE_BIO, HEADER_ADDRESS, HEADER_NOW, HEADER_TIMERS_ARMED, HEADER_WORDS } from '../abi';
import { PLUG_REQUESTS_MULTIPLE } from '../limits';
import { Bio } from './bio';
import { Device } from './device';
import { Request } from './request';

// The one root from which all state is reached. It lies behind the header that the host shares:
//
//   HEADER_ADDRESS             | 40 words of abi.ts: addresses, capacities, counts of the rings |
//   HEADER_ADDRESS + 160       | Root | plug: 64 request pointers |

@unmanaged
export class Root {
  now: f64 = 0;
  // pools
  bios: usize = 0;
  bioFree: Bio = changetype<Bio>(0);
  biosTotal: u32 = 0;
  biosShared: u32 = 0; // free records that are nobody's reserve
  requests: usize = 0;
  requestFree: Request = changetype<Request>(0);
  requestsTotal: u32 = 0;
  requestsShared: u32 = 0;
  devices: usize = 0;
  devicesMax: u32 = 0;
  extents: usize = 0;
  extentsMax: u32 = 0;
  regions: usize = 0; // memory for regions of statistics
  // what waits for the driver
  readyHead: Device = changetype<Device>(0);
  readyTail: Device = changetype<Device>(0);
  readyBioHead: Device = changetype<Device>(0); // bio-based ones: run first, so that their pieces meet in the plug
  readyBioTail: Device = changetype<Device>(0);
  endedHead: Request = changetype<Request>(0);
  endedTail: Request = changetype<Request>(0);
  endedBioHead: Bio = changetype<Bio>(0);
  endedBioTail: Bio = changetype<Bio>(0);
  instantHead: Request = changetype<Request>(0);
  instantTail: Request = changetype<Request>(0);
  isRingFull: u32 = 0; // a device could not ask: the host must answer first
  // the plug
  isPlugging: u32 = 0;
  isUnplugged: u32 = 0; // this batch is submitted without a plug
  plugCount: u32 = 0;
  plugIsMultiple: u32 = 0;
  hasAlarm: u32 = 0; // of some device, not yet told
  isTurnOver: u32 = 0; // a device in turn has begun something: that goes first
  isForWant: u32 = 0; // the plug is emptied since its submitter would have to sleep
  isInitialised: u32 = 0;
}

const ROOT_ADDRESS: usize = HEADER_ADDRESS + HEADER_WORDS * 4;
const ROOT_BYTES: usize = 256;
const PLUG_ADDRESS: usize = ROOT_ADDRESS + ROOT_BYTES;
/** First byte behind the fixed part. */
export const LAYOUT_ADDRESS: usize = PLUG_ADDRESS + PLUG_REQUESTS_MULTIPLE * 4;

export function root(): Root {
  return changetype<Root>(ROOT_ADDRESS);
}

export function assertRootLayout(): void {
  assert(offsetof<Root>() <= ROOT_BYTES);
}

export function header(word: u32): u32 {
  return load<u32>(<usize>HEADER_ADDRESS + ((<usize>word) << 2));
}

export function setHeader(word: u32, value: u32): void {
  store<u32>(<usize>HEADER_ADDRESS + ((<usize>word) << 2), value);
}

/** What time it is, as the host has written it. */
export function readClock(): void {
  root().now = load<f64>(HEADER_ADDRESS + HEADER_NOW * 4);
}

/** Some device may have a timer from now on. */
export function armTimers(): void {
  setHeader(HEADER_TIMERS_ARMED, 1);
}

export function plugged(index: u32): Request {
  return changetype<Request>(<usize>load<u32>(PLUG_ADDRESS + ((<usize>index) << 2)));
}

export function setPlugged(index: u32, request: Request): void {
  store<u32>(PLUG_ADDRESS + ((<usize>index) << 2), <u32>changetype<usize>(request));
}

/** Puts a device on the list of those to be run. */
export function ready(device: Device): void {
  if (device.isReady) return;
  const all = root();
  device.isReady = 1;
  device.readyNext = changetype<Device>(0);
  if (device.kind == DEVICE_BIO) {
    if (all.readyBioTail) all.readyBioTail.readyNext = device;
    else all.readyBioHead = device;
    all.readyBioTail = device;
  } else {
    if (all.readyTail) all.readyTail.readyNext = device;
    else all.readyHead = device;
    all.readyTail = device;
  }
}

/** Takes a device that is about to go off the list; the others may change places. */
export function unready(gone: Device): void {
  while (gone.isReady) {
    const device = gone.kind == DEVICE_BIO ? takeReadyBio() : takeReady();
    assert(device);
    if (device != gone) ready(device);
  }
}

export function takeReady(): Device {
  const all = root();
  const device = all.readyHead;
  if (!device) return device;
  all.readyHead = device.readyNext;
  if (!all.readyHead) all.readyTail = changetype<Device>(0);
  device.isReady = 0;
  return device;
}

export function takeReadyBio(): Device {
  const all = root();
  const device = all.readyBioHead;
  if (!device) return device;
  all.readyBioHead = device.readyNext;
  if (!all.readyBioHead) all.readyBioTail = changetype<Device>(0);
  device.isReady = 0;
  return device;
}
