// Brings a mapper to what a configuration says. What is there and not in the configuration stays: others may have made it.

import type { Config, ConfiguredDevice } from './config.ts';
import type { ControlledMapper } from './controlled.ts';

/** The first time: stops at the first mistake, with an error that names the device or node. */
export async function applyConfig(mapper: ControlledMapper, config: Config): Promise<void> {
  for (const { node, word, ...options } of config.nodes) mapper.attach(node, word, options);
  for (const device of config.devices) await make(mapper, device);
}

/**
 * After a change of the file: attaches new nodes, makes new devices, and gives those whose lines are others now their new
 * table, by load, suspend and resume. A mistake in one concerns that one alone. Returns what happened, a line each.
 */
export async function reapplyConfig(mapper: ControlledMapper, before: Config, after: Config): Promise<string[]> {
  const told: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      told.push(what);
    } catch (error) {
      told.push(`${what}: failed: ${(error as Error).message}`);
    }
  };
  for (const { node, word, ...options } of after.nodes) {
    if (before.nodes.some((one) => one.node === node)) continue;
    await attempt(`attach ${node}`, async () => void mapper.attach(node, word, options));
  }
  for (const device of after.devices) {
    const was = before.devices.find(({ name }) => name === device.name);
    if (was?.table === device.table && was.readOnly === device.readOnly && mapper.getDevice(device.name)) continue;
    if (mapper.getDevice(device.name)) await attempt(`reload ${device.name}`, () => reload(mapper, device));
    else await attempt(`create ${device.name}`, () => make(mapper, device));
  }
  return told;
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
  device.load(table, { readOnly });
  const wasSuspended = device.info().state === 'SUSPENDED';
  // whoever has suspended it resumes it, and the table goes live then
  if (wasSuspended) return;
  try {
    await device.suspend();
  } catch (error) {
    device.clear();
    throw error;
  }
  await device.resume();
}
