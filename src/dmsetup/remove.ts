// `remove` and `remove_all`.

import { setTimeout as delay } from 'node:timers/promises';
import type { Asked, Call } from './call.ts';
import { wipe } from './change.ts';
import { eachNamedDevice } from './each-device.ts';
import { IoctlError, KernelToolError } from './failure.ts';

const RETRIES = 25;
const RETRY_MS = 200;

export async function remove(call: Call): Promise<void> {
  await eachNamedDevice(call, async ({ device }) => {
    if (call.has('force')) await wipeQuietly(call, device);
    await removeDevice(call, device);
  });
}

async function removeDevice(call: Call, device: Asked): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await call.askOf('remove', 'remove', device, { deferred: call.has('deferred') });
      return;
    } catch (error) {
      const isBusy = error instanceof IoctlError && error.errno === 'EBUSY';
      if (!isBusy || !call.has('retry') || attempt === RETRIES) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** An error table in place of the live one, so that nothing holds on to the device's I/O; what goes wrong is only told. */
async function wipeQuietly(call: Call, device: Asked): Promise<void> {
  try {
    await wipe(call, device, { noflush: true, nolockfs: true });
  } catch (error) {
    if (!(error instanceof KernelToolError)) throw error;
    for (const line of error.lines) call.complain(line);
  }
}

export async function removeAll(call: Call): Promise<void> {
  await call.ask('remove_all', 'remove_all', { deferred: call.has('deferred') });
  if (!call.has('force')) return;
  for (const { name } of await call.devices()) await wipeQuietly(call, { name });
  await call.ask('remove_all', 'remove_all', { deferred: call.has('deferred') });
  const left = await call.devices();
  // no failure, though not all are gone
  if (left.length > 0) call.complain(`Unable to remove ${left.length} device(s).`);
}
