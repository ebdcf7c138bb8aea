import { DEVICE_BACKING, DEVICE_REQUEST, DEVICE_RUNNING } from '../abi';
import { PATH_SLOTS } from '../limits';
import { Device, PathSlot, pathSlot, SLOT_IDLE, SLOT_PROMISED, SLOT_WAITING } from './device';
import { ready } from './root';

// Credits: how many I/Os a device takes right now as a path. A queue that finds none waits in the
// device's line, through a path slot of its own.
//
// A credit that comes back is promised to the first in line and is nobody else's, until that one has had
// its turn: one pull, or else the promise is passed on. So whoever comes by in between overtakes nobody,
// and no credit is forgotten. While somebody stands in line every credit is promised.

export function creditsOf(device: Device): u32 {
  if (device.kind == DEVICE_REQUEST) {
    if (device.state != DEVICE_RUNNING || device.isBusy) return 0;
    return device.requestsMax > device.clones ? device.requestsMax - device.clones : 0;
  }
  const used = device.pathInFlight + device.inMap;
  return device.depth > used ? device.depth - used : 0;
}

/** Credits that the slot's owner may take now. */
export function creditsFor(slot: PathSlot): u32 {
  const device = slot.device;
  const others = device.promised - (slot.state == SLOT_PROMISED ? 1 : 0);
  const credits = creditsOf(device);
  return credits > others ? credits - others : 0;
}

/** Whether `owner` may take a credit of `lower`, which need not be of its usable set. */
export function mayTake(owner: Device, lower: Device): bool {
  const credits = creditsOf(lower);
  const promised = lower.promised;
  if (!promised) return credits != 0;
  return credits > promised - (promiseOf(owner, lower) ? 1 : 0);
}

/** The slot of `owner`'s in which it waits for a credit. A promise that came to nothing goes back to the line. */
export function waitForCredit(slot: PathSlot): void {
  if (slot.state == SLOT_WAITING) return;
  const device = slot.device;
  if (slot.state == SLOT_PROMISED) endPromise(slot);
  slot.state = SLOT_WAITING;
  slot.next = changetype<PathSlot>(0);
  if (device.waiterTail) device.waiterTail.next = slot;
  else device.waiterHead = slot;
  device.waiterTail = slot;
}

/** A credit has come back, or is not promised any more: it is the first one's in line. */
export function returnCredit(device: Device): void {
  if (!device.waiterHead) return;
  const credits = creditsOf(device);
  while (device.waiterHead && credits > device.promised) {
    const slot = device.waiterHead;
    device.waiterHead = slot.next;
    if (!device.waiterHead) device.waiterTail = changetype<PathSlot>(0);
    slot.state = SLOT_PROMISED;
    device.promised++;
    slot.owner.promises++;
    ready(slot.owner);
  }
}

function endPromise(slot: PathSlot): void {
  slot.state = SLOT_IDLE;
  slot.device.promised--;
  slot.owner.promises--;
}

/** `owner` takes a credit of `lower`: the promise, if it had one, is kept. */
export function keepPromise(owner: Device, lower: Device): void {
  if (!owner.promises) return;
  const slot = promiseOf(owner, lower);
  if (slot) endPromise(slot);
}

/** The turn is over: what was promised and not taken goes to the next in line. */
export function passOnPromises(owner: Device): void {
  for (let i: u32 = 0; owner.promises && i <= owner.pathCount; i++) {
    const slot = slotOf(owner, i);
    if (slot.state != SLOT_PROMISED) continue;
    endPromise(slot);
    returnCredit(slot.device);
  }
}

function promiseOf(owner: Device, lower: Device): PathSlot {
  if (owner.promises) {
    for (let i: u32 = 0; i <= owner.pathCount; i++) {
      const slot = slotOf(owner, i);
      if (slot.device == lower && slot.state == SLOT_PROMISED) return slot;
    }
  }
  return changetype<PathSlot>(0);
}

/** Takes a slot out of the line, wherever it stands. */
export function leaveLine(slot: PathSlot): void {
  const device = slot.device;
  if (slot.state == SLOT_PROMISED) {
    endPromise(slot);
    returnCredit(device);
  }
  if (slot.state != SLOT_WAITING) return;
  slot.state = SLOT_IDLE;
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

/** The slot for a device that is not in the usable set, and was chosen all the same. */
export function straySlot(owner: Device): PathSlot {
  return pathSlot(owner, PATH_SLOTS - 1);
}

/** The slots in use: those of the usable set, then the stray one. */
function slotOf(owner: Device, index: u32): PathSlot {
  return index < owner.pathCount ? pathSlot(owner, index) : straySlot(owner);
}

/** The queue of a backing device waits for its own credits in slot 0. */
export function ownSlot(device: Device): PathSlot {
  assert(device.kind == DEVICE_BACKING);
  return pathSlot(device, 0);
}
