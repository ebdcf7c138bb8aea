// `table`, `status` and `measure`.

import type { TableReply, TargetLine } from '../control/protocol.ts';
import type { Call } from './call.ts';
import { type ConciseDevice, printConcise } from './concise.ts';
import { eachDevice, type Turn } from './each-device.ts';
import { IoctlError, KernelToolError } from './failure.ts';
import { askInformation, longInformation } from './long-info.ts';

type Shown = 'table' | 'status';

export async function table(call: Call): Promise<void> {
  if (call.has('concise')) return concise(call);
  await show(call, 'table');
}

export async function status(call: Call): Promise<void> {
  await show(call, 'status');
}

async function show(call: Call, shown: Shown): Promise<void> {
  checkSwitches(call);
  const replies = new Replies(call, shown);
  await eachDevice(call, async (turn) => {
    const reply = await replies.of(turn);
    const { targets, isLeftOut } = wanted(call, reply);
    if (isLeftOut) return;
    if (call.isVerbose) call.print(longInformation(call, reply.info));
    const prefix = turn.isOneOfMany && !call.isVerbose ? `${call.shownName(reply.info)}: ` : '';
    if (targets.length === 0) call.print(`${prefix}\n`);
    for (const { start, length, type, text } of targets) call.print(`${prefix}${start} ${length} ${type} ${text}\n`);
    if (call.isVerbose && turn.isOneOfMany) call.print('\n');
  });
}

function checkSwitches(call: Call): void {
  if (call.has('sort')) throw new KernelToolError('--sort is not yet supported with status and table.');
  if (call.has('exec')) throw new KernelToolError('--exec is not supported.');
}

/** With `--target` only targets of that type, and no word of devices that have none. */
function wanted(call: Call, reply: TableReply): { targets: readonly TargetLine[]; isLeftOut: boolean } {
  const type = call.switches.value('target');
  if (type === undefined) return { targets: reply.targets, isLeftOut: false };
  const targets = reply.targets.filter((target) => target.type === type);
  return { targets, isLeftOut: targets.length === 0 };
}

/** The replies for all devices are asked for at once and used one by one: a thousand devices are one turn of the server. */
class Replies {
  readonly #call: Call;
  readonly #shown: Shown;

  constructor(call: Call, shown: Shown) {
    this.#call = call;
    this.#shown = shown;
  }

  #all: Map<string, TableReply> | undefined;

  async of(turn: Turn): Promise<TableReply> {
    if (turn.isOfAll && turn.name !== undefined && 'name' in turn.device) {
      this.#all ??= await this.#askAll();
      const found = this.#all.get(turn.device.name as string);
      if (found) return found;
    }
    try {
      return await this.#call.askOf<TableReply>(this.#shown, this.#shown, turn.device, this.#fields);
    } catch (error) {
      const isMissing = error instanceof IoctlError && error.errno === 'ENXIO';
      if (isMissing && this.#shown === 'status') throw new KernelToolError('Device does not exist.');
      throw error;
    }
  }

  get #fields(): object {
    return { inactive: this.#call.has('inactive'), noflush: this.#call.has('noflush') };
  }

  async #askAll(): Promise<Map<string, TableReply>> {
    const { replies } = await this.#call.ask<{ replies: TableReply[] }>(`${this.#shown}_all`, this.#shown, this.#fields);
    return new Map(replies.map((reply) => [reply.info.name, reply]));
  }
}

/** All devices on one line, as `create --concise` reads them. */
async function concise(call: Call): Promise<void> {
  checkSwitches(call);
  const replies = new Replies(call, 'table');
  const devices: ConciseDevice[] = [];
  await eachDevice(call, async (turn) => {
    const reply = await replies.of(turn);
    const { targets: lines, isLeftOut } = wanted(call, reply);
    if (isLeftOut) return;
    const { minor, isReadOnly } = reply.info;
    devices.push({ name: call.shownName(reply.info), uuid: call.shownUuid(reply.info), minor, isReadOnly, lines });
  });
  if (devices.length > 0) call.print(`${printConcise(devices)}\n`);
}

/** No target here measures anything. */
export async function measure(call: Call): Promise<void> {
  await eachDevice(call, async ({ device }) => {
    await askInformation(call, device);
    await call.askOf('measure', 'measure', device);
  });
}
