// Results are the same on every machine and engine: here they are, as hashes. Whoever changes a model, a policy or the random
// numbers changes them, and says so by changing them here.

import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runScenario, scenarioOf, TWO_PATHS } from '../support/simulated-runs.ts';

const test = suite('simulate: the same everywhere');

const LOAD = { rw: 'randrw', bs: '8k', iodepth: 16, rate_process: 'poisson', runtime: '1s' };

/** Together they draw from every distribution, and pass every model. */
const SCENARIOS: Readonly<Record<string, [fields: Readonly<Record<string, unknown>>, hash: string]>> = {
  'ssd, zipf, a path down': [
    {
      ...TWO_PATHS,
      load: { ...LOAD, rate_iops: 30_000, random_distribution: 'zipf:1.1' },
      fast_io_fail_tmo: '50ms',
      checker: { polling_interval: '100ms', failback: 'immediate' },
      script: [{ at: '200ms', path: 'a', do: 'down', for: '300ms' }],
    },
    '902e0cfb7cd33b4b',
  ],
  'bio-based, pareto, errors': [
    {
      ...TWO_PATHS,
      load: { ...LOAD, rate_iops: 20_000, random_distribution: 'pareto:0.2' },
      map: { mapping: 'bio', selector: 'historical-service-time' },
      script: [{ at: '100ms', path: 'b', do: 'errors', status: 'transport', rate: 0.001 }],
    },
    '8b216e3b82f56a72',
  ],
  'disk, zipf of one': [
    {
      ...TWO_PATHS,
      storage: { ssd: { model: 'atlas-10k', size: '8G' } },
      load: { ...LOAD, rate_iops: 200, random_distribution: 'zipf:1' },
    },
    '453c3545d95fb500',
  ],
  'disk with a command queue': [
    {
      ...TWO_PATHS,
      storage: { ssd: { model: 'nearline-7200', size: '8G', set: { writeBufferBytes: 65536 } } },
      load: { ...LOAD, rate_iops: 300 },
    },
    '16f4128270211cc9',
  ],
  'array with controllers': [
    {
      storage: { lun: { model: 'sata-mlc', size: '8G', array: { controllers: 2, transition: '20ms' } } },
      paths: {
        a: { to: 'lun', controller: 0, link: { like: 'iscsi-10g', jitter: 0.5 } },
        b: { to: 'lun', controller: 1, link: 'nvme-rdma' },
      },
      map: { groups: 'failover', handler: 'alua' },
      load: { ...LOAD, rate_iops: 5000 },
      fast_io_fail_tmo: '20ms',
      script: [{ at: '300ms', storage: 'lun', controller: 0, do: 'reboot', for: '200ms' }],
    },
    '35b8aab971f13692',
  ],
};

for (const [name, [fields, expected]] of Object.entries(SCENARIOS)) {
  test(name, async () => {
    const { ios, spanSeconds, callers, errors, devices, paths, failovers, longestStall, log } = await runScenario(
      scenarioOf(fields),
    );
    assert.ok(ios > 100, `${ios} I/Os`);
    const text = JSON.stringify({ ios, spanSeconds, callers, errors, devices, paths, failovers, longestStall, log });
    assert.is(createHash('sha256').update(text).digest('hex').slice(0, 16), expected);
  });
}

test.run();
