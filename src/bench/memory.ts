// Bench `memory`: bytes of the core's memory. A request with its clone are two records of one kind.

import { DeviceMapper } from '../../bindings/index.ts';
import type { BenchContext, Result } from './bench.ts';

export async function benchMemory(_context: BenchContext): Promise<Result[]> {
  await using mapper = new DeviceMapper();
  const { core, bio, request, device } = mapper.memory;
  const bytes = (name: string, value: number, atMost: number): Result => ({ name, value, unit: 'bytes', reach: { atMost } });
  return [
    bytes('memory.bio', bio, 64),
    bytes('memory.request-with-clone', 2 * request, 256),
    bytes('memory.core', core, 16 * 2 ** 20),
    bytes('memory.device', device, 64 * 2 ** 10),
  ];
}
