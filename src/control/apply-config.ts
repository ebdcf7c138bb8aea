// Brings a mapper to what a configuration says. What is there and not in the configuration stays: others may have made it.

import { isDeepStrictEqual } from 'node:util';
import type { Config, ConfiguredDevice, ConfiguredNode } from './config.ts';
import type { ControlledMapper } from './controlled.ts';

/** The first time: stops at the first mistake, with an error that names the device or node. */
export async function applyConfig(mapper: ControlledMapper, config: Config): Promise<void> {
  for (const { node, word, ...options } of config.nodes) mapper.attach(node, word, options);
  for (const device of config.devices) await make(mapper, device);
}

export interface Reapplied {
  /** What happened, a line each. */
  readonly told: readonly string[];
  /** What to compare with the next time: what failed stands there as it was before, so that it is tried again. */
  readonly applied: Config;
}

/**
 * After a change of the file: attaches new nodes, makes new devices, and gives those whose lines are others now their new
 * table, by load, suspend and resume. A mistake in one concerns that one alone. A node that is there stays what it is,
 * since tables may use it.
 */
export async function reapplyConfig(mapper: ControlledMapper, before: Config, after: Config): Promise<Reapplied> {
  const told: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      told.push(what);
      return true;
    } catch (error) {
      told.push(`${what}: failed: ${(error as Error).message}`);
      return false;
    }
  };
  const nodes: ConfiguredNode[] = [];
  for (const node of after.nodes) {
    const { node: name, word, ...options } = node;
    const was = before.nodes.find((one) => one.node === name);
    if (was === undefined) {
      if (await attempt(`attach ${name}`, async () => void mapper.attach(name, word, options))) nodes.push(node);
      continue;
    }
    nodes.push(was);
    if (!isDeepStrictEqual(was, node)) told.push(`attach ${name}: has changed, but stays as it is until it is detached`);
  }
  const devices: ConfiguredDevice[] = [];
  for (const device of after.devices) {
    const was = before.devices.find(({ name }) => name === device.name);
    const isThere = mapper.getDevice(device.name) !== undefined;
    const isSame = isThere && was?.table === device.table && was.readOnly === device.readOnly;
    const isDone =
      isSame ||
      (isThere
        ? await attempt(`reload ${device.name}`, () => reload(mapper, device))
        : await attempt(`create ${device.name}`, () => make(mapper, device)));
    if (isDone) devices.push(device);
    else if (was) devices.push(was);
  }
  if (!isDeepStrictEqual(before.checker, after.checker)) told.push('checker: has changed, but stays as it is until a restart');
  return { told, applied: { nodes, devices, ...(before.checker ? { checker: before.checker } : {}) } };
}

async function make(mapper: ControlledMapper, { name, uuid, minor, readOnly, table }: ConfiguredDevice): Promise<void> {
  const device = await mapper.createDevice({
    name,
    ...(uuid === '' ? {} : { uuid }),
    ...(minor === undefined ? {} : { minor }),
    readOnly,
  });
  if (table === '') return;
  try {
    device.load(table, { readOnly });
    await device.resume();
  } catch (error) {
    await device.remove();
    throw new Error(`device ${name}: ${(error as Error).message}`, { cause: error });
  }
}

async function reload(mapper: ControlledMapper, { name, readOnly, table }: ConfiguredDevice): Promise<void> {
  const device = mapper.getDevice(name);
  if (device === undefined || table === '') return;
  const old = device.table();
  const wasReadOnly = device.info().isReadOnly;
  device.load(table, { readOnly });
  const wasSuspended = device.info().state === 'SUSPENDED';
  // whoever has suspended it resumes it, and the table goes live then
  if (wasSuspended) return;
  try {
    await device.suspend();
    await device.resume();
  } catch (error) {
    // back to the table that worked: what was held goes on
    device.clear();
    // one that went live and then refused to begin
    if (device.table() !== old) device.load(old, { readOnly: wasReadOnly });
    if (device.info().state === 'SUSPENDED') await device.resume();
    throw error;
  }
}
