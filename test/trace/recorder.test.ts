import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DeviceMapper } from '../../bindings/index.ts';
import { TraceRecorder } from '../../src/trace/recorder.ts';
import { OPERATION_FLUSH, OPERATION_READ, OPERATION_WRITE } from '../../src/trace/records.ts';
import { readAll } from '../support/read-trace.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

test("a live device's load is recorded and read again with its response times", async () => {
  using folder = new TemporaryFolder();
  await using mapper = new DeviceMapper({ mode: 'inline' });
  const device = await mapper.openDevice(['mem:a?size=1M'], { selector: 'round-robin' });
  const file = join(folder.path, 'load.trace');
  const recorder = await TraceRecorder.start(mapper, device.number, file);
  await device.write(Buffer.alloc(4096), 8192);
  await device.read(512, 4096);
  await device.flush();
  const { records, lost } = await recorder.stop();
  assert.equal([records, lost], [3, 0]);
  await device.read(512, 4096);
  const { trace, all } = await readAll(file);
  assert.is(trace.format, 'rqdm');
  assert.is(trace.skips.count, 0);
  assert.equal(trace.devices, [device.number.replace(':', ',')]);
  assert.equal([...all.operation], [OPERATION_WRITE, OPERATION_READ, OPERATION_FLUSH]);
  assert.is(all.sectors[0], 8);
  assert.is(all.sector[0], 16);
  assert.ok((all.responseNs[0] as number) >= 0 && (all.responseNs[1] as number) >= 0, 'completions tell how long it took');
});

test('a file that cannot be written is an error at once', async () => {
  await using mapper = new DeviceMapper({ mode: 'inline' });
  try {
    await TraceRecorder.start(mapper, '253:0', 'no/such/folder/load.trace');
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, 'ERR_RQDM_TRACE');
  }
});

test.run();
