import { DEVICE_BACKING, DEVICE_REQUEST, DEVICE_RUNNING } from '../abi';
import { Device, PathSlot, pathSlot } from './device';
import { canTakeClone } from './pool';
import { ready } from './root';

// Credits: how many I/Os a device takes right now as a path. A queue that finds none waits in the
// device's line, through a path slot of its own; a credit that comes back wakes the first in line.

export function creditsOf(device: Device): u32 {
  if (!canTakeClone(device)) return 0;
  if (device.kind == DEVICE_REQUEST) {
    if (device.state != DEVICE_RUNNING || device.isBusy) return 0;
    return device.requestsMax > device.clones ? device.requestsMax - device.clones : 0;
  }
  return device.depth > device.pathInFlight ? device.depth - device.pathInFlight : 0;
}

/** The slot of `owner`'s in which it waits for a credit. */
export function waitForCredit(slot: PathSlot): void {
  if (slot.isWaiting) return;
  slot.isWaiting = 1;
  slot.next = changetype<PathSlot>(0);
  const device = slot.device;
  if (device.waiterTail) device.waiterTail.next = slot;
  else device.waiterHead = slot;
  device.waiterTail = slot;
}

/** Wakes the first in line, if there is a credit for it. */
export function returnCredit(device: Device): void {
  const slot = device.waiterHead;
  if (!slot || creditsOf(device) == 0) return;
  device.waiterHead = slot.next;
  if (!device.waiterHead) device.waiterTail = changetype<PathSlot>(0);
  slot.isWaiting = 0;
  ready(slot.owner);
}

/** Wakes everybody in line: the device has become usable again, or another order of things holds. */
export function returnAllCredits(device: Device): void {
  let slot = device.waiterHead;
  device.waiterHead = changetype<PathSlot>(0);
  device.waiterTail = changetype<PathSlot>(0);
  while (slot) {
    const next = slot.next;
    slot.isWaiting = 0;
    ready(slot.owner);
    slot = next;
  }
}

/** Takes a slot out of the line, wherever it stands. */
export function leaveLine(slot: PathSlot): void {
  if (!slot.isWaiting) return;
  slot.isWaiting = 0;
  const device = slot.device;
  let before = changetype<PathSlot>(0);
  let at = device.waiterHead;
  while (at != slot) {
    before = at;
    at = at.next;
    assert(at);
  }
  if (before) before.next = slot.next;
  else device.waiterHead = slot.next;
  if (device.waiterTail == slot) device.waiterTail = before;
}

/** The queue of a backing device waits for its own credits in slot 0. */
export function ownSlot(device: Device): PathSlot {
  assert(device.kind == DEVICE_BACKING);
  return pathSlot(device, 0);
}
