// Bench `memory`: bytes of the core's memory (a request with its clone are two records of one kind), and whether the
// process stays as it is while millions of I/Os pass.

import { DeviceMapper } from '../../bindings/index.ts';
import type { BenchContext, Result } from './bench.ts';
import { measureGrowth } from './growth.ts';

export async function benchMemory(context: BenchContext): Promise<Result[]> {
  await using mapper = new DeviceMapper();
  const { core, bio, request, device } = mapper.memory;
  const bytes = (name: string, value: number, atMost: number): Result => ({ name, value, unit: 'bytes', reach: { atMost } });
  return [
    bytes('memory.bio', bio, 64),
    bytes('memory.request-with-clone', 2 * request, 256),
    bytes('memory.core', core, 16 * 2 ** 20),
    bytes('memory.device', device, 64 * 2 ** 10),
    ...(await measureGrowth(context)),
  ];
}
