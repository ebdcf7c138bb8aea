// `message` and `wait`: what goes to a target, and what comes from it.

import type { TableReply } from '../control/protocol.ts';
import type { Call } from './call.ts';
import { KernelToolError } from './failure.ts';
import { longInformation } from './long-info.ts';

export async function message(call: Call): Promise<void> {
  const words = [...call.words];
  const word = call.isDeviceInSwitches ? undefined : words.shift();
  const device = call.needDevice(word);
  const sector = words.shift() ?? '';
  if (!/^\d+$/.test(sector) || !Number.isSafeInteger(Number(sector))) throw new KernelToolError('Invalid sector.');
  if (words.length === 0) call.complain('No message supplied.');
  const fields = { sector: Number(sector), message: words.join(' ') };
  const { text } = await call.askOf<{ text: string | null }>('message', 'message', device, fields);
  if (text !== null) call.print(text === '' || text.endsWith('\n') ? text : `${text}\n`);
}

/** Waits until the device's event number is another than the one given. */
export async function wait(call: Call): Promise<void> {
  const words = [...call.words];
  const device = call.needDevice(call.isDeviceInSwitches ? undefined : words.shift());
  const eventNumber = Math.max(0, Number.parseInt(words.shift() ?? '0', 10) || 0);
  const reply = await call.askOf<TableReply>('wait', 'waitevent', device, { eventNumber, noflush: call.has('noflush') });
  if (call.isVerbose) call.print(longInformation(call, reply.info));
}
