import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HEADER_TRACE_ACTIONS } from '../../assembly/abi.ts';
import { DeviceMapper } from '../../bindings/index.ts';
import { Fields } from '../../src/control/fields.ts';
import { recordOperations } from '../../src/control/record-operations.ts';
import { coreOf } from '../support/mapper-parts.ts';
import { readAll } from '../support/read-trace.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

test('a recording ends when it is stopped or its client is gone, and its file is complete', async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(['mem:a?size=1M'], { selector: 'round-robin' });
  const operations = recordOperations(mapper);
  const ask = (name: string, fields: Record<string, unknown>, signal = new AbortController().signal): unknown =>
    operations.get(name)?.(new Fields(fields), signal);
  for (const how of ['stopped', 'gone']) {
    const file = join(folder.path, how);
    const client = new AbortController();
    const recording = ask('record', { node: device.name, file }, client.signal) as Promise<{ records: number; lost: number }>;
    while (coreOf(mapper).header[HEADER_TRACE_ACTIONS] === 0) await new Promise((resolve) => setImmediate(resolve));
    await rejects(ask('record', { node: device.name, file }), 'EBUSY');
    await device.read(512, 4096);
    if (how === 'stopped') ask('record_stop', { file });
    else client.abort();
    assert.equal(await recording, { records: 1, lost: 0 });
    assert.is((await readAll(file)).all.count, 1);
    await rejects(() => ask('record_stop', { file }), 'ENXIO');
  }
});

test('a server that may not touch all files records into none of the others', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const signal = new AbortController().signal;
  const record = (file: string): unknown =>
    recordOperations(mapper, ['/allowed/']).get('record')?.(new Fields({ node: 'none', file }), signal);
  await rejects(() => record('/other/file'), 'EACCES');
  await rejects(() => record('/allowed/../other/file'), 'EINVAL');
  await rejects(() => record('file'), 'EINVAL');
  await rejects(() => record('/allowed/file'), 'ENXIO');
});

async function rejects(asked: unknown, code: string): Promise<void> {
  try {
    await (typeof asked === 'function' ? asked() : asked);
  } catch (error) {
    assert.match(JSON.stringify(error) + String(error), code);
    return;
  }
  assert.unreachable(`expected ${code}`);
}

test.run();
