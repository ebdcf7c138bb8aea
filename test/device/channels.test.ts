// Diagnostics channels and events: what is told, when, and that nothing is made while nobody listens.

import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEADER_TRACE_ACTIONS } from '../../assembly/abi.ts';
import { type BatchMessage, DeviceMapper, type PathMessage, type TableEventMessage } from '../../bindings/index.ts';
import { coreOf } from '../support/mapper-parts.ts';
import { turns } from '../support/promise-state.ts';

const test = suite('device: channels');

/** Notes the messages of some channels until it is disposed of. */
class Listener implements Disposable {
  readonly messages: [name: string, message: unknown][] = [];
  readonly #names: readonly string[];
  readonly #listen = (message: unknown, name: string | symbol): void => {
    this.messages.push([String(name), message]);
  };

  constructor(...names: string[]) {
    this.#names = names;
    for (const name of names) subscribe(name, this.#listen);
  }

  of<T>(name: string): T[] {
    return this.messages.filter(([of]) => of === name).map(([, message]) => message as T);
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) unsubscribe(name, this.#listen);
  }
}

const PATHS = ['mem:a?size=1M#1', 'mem:a?size=1M#2'];

test('a turn of merged reads is told stage by stage, one message for each channel', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(PATHS);
  using listener = new Listener(
    'rqdm:bio:queue',
    'rqdm:request:merge',
    'rqdm:request:dispatch',
    'rqdm:clone:map',
    'rqdm:request:complete',
  );
  await Promise.all([device.read(0, 4096), device.read(4096, 4096), device.read(65536, 4096)]);
  const events = (name: string): unknown[] =>
    listener.of<BatchMessage>(name).flatMap((message) => {
      assert.is(message.lost, 0);
      assert.is(message.mapper, mapper);
      return message.events.map(({ action, device, sector, sectors }) => [action, device, sector, sectors]);
    });
  const { number } = device;
  assert.equal(events('rqdm:bio:queue'), [
    ['Q', number, 0, 8],
    ['Q', number, 8, 8],
    ['Q', number, 128, 8],
  ]);
  assert.equal(events('rqdm:request:merge'), [['M', number, 8, 8]]);
  const dispatched = events('rqdm:request:dispatch') as [string, string, number, number][];
  assert.equal(
    dispatched
      .filter(([, of]) => of !== number)
      .map(([, , sector, sectors]) => [sector, sectors])
      .sort(),
    [
      [0, 16],
      [128, 8],
    ],
  );
  assert.is(events('rqdm:clone:map').length, 2);
  assert.ok(events('rqdm:request:complete').length >= 2);
  assert.is(listener.of('rqdm:bio:queue').length, 1);
});

test('only channels with subscribers are served, and the trace ring rests while there are none', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(PATHS);
  const { header } = coreOf(mapper);
  await device.read(0, 512);
  assert.is(header[HEADER_TRACE_ACTIONS], 0);
  {
    using listener = new Listener('rqdm:request:dispatch');
    await device.read(0, 512);
    assert.is(header[HEADER_TRACE_ACTIONS], 1 << ('D'.charCodeAt(0) & 31));
    assert.ok(listener.messages.length > 0);
    assert.is(channel('rqdm:bio:queue').hasSubscribers, false);
  }
  await device.read(0, 512);
  assert.is(header[HEADER_TRACE_ACTIONS], 0);
});

test('a trace that the user has switched on goes on without subscribers', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(PATHS);
  mapper.setTracing(true);
  {
    using listener = new Listener('rqdm:bio:queue');
    await device.read(0, 512);
    assert.is(listener.messages.length, 1);
  }
  const { next } = mapper.readTrace();
  await device.read(0, 512);
  assert.ok(mapper.readTrace(next).events.some(({ action }) => action === 'Q'));
});

test('a subscriber may do I/O, and what it throws harms nobody', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(PATHS);
  const caught: unknown[] = [];
  const original = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => caught.push(error));
  const failure = new Error('subscriber');
  const inner: Promise<Buffer>[] = [];
  const listen = (): void => {
    if (inner.length > 0) return;
    inner.push(device.read(4096, 512));
    throw failure;
  };
  subscribe('rqdm:bio:queue', listen);
  try {
    assert.is((await device.read(0, 512)).length, 512);
    assert.is((await (inner[0] as Promise<Buffer>)).length, 512);
    await turns();
    assert.equal(caught, [failure]);
  } finally {
    unsubscribe('rqdm:bio:queue', listen);
    process.removeAllListeners('uncaughtException');
    for (const one of original) process.on('uncaughtException', one);
  }
});

test('a run with more events than the ring holds says how many were lost', async () => {
  await using mapper = new DeviceMapper({ limits: { traceRecords: 16 } });
  const device = await mapper.openDevice(PATHS);
  using listener = new Listener('rqdm:bio:queue', 'rqdm:request:complete');
  await Promise.all(Array.from({ length: 100 }, (_, index) => device.read(index * 8192, 512)));
  const messages = listener.messages.map(([, message]) => message as BatchMessage);
  assert.ok(messages.some(({ lost }) => lost > 0));
});

test('without room for a trace subscribers hear nothing, and I/O goes on', async () => {
  await using mapper = new DeviceMapper({ limits: { traceRecords: 0 } });
  const device = await mapper.openDevice(PATHS);
  using listener = new Listener('rqdm:bio:queue');
  assert.is((await device.read(0, 512)).length, 512);
  assert.is(listener.messages.length, 0);
});

test('a path that fails and comes back is told by channels and by events of the device', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(PATHS, { name: 'm' });
  using listener = new Listener('rqdm:path:fail', 'rqdm:path:reinstate', 'rqdm:table:event', 'rqdm:request:requeue');
  const events: unknown[] = [];
  device.on('path-failed', (event) => events.push(['path-failed', event]));
  device.on('path-reinstated', (event) => events.push(['path-reinstated', event]));
  device.on('table-event', (event) => events.push(['table-event', event]));
  const { number, word } = device.stats().paths[0]!;
  device.message(`fail_path ${number}`);
  await turns();
  const failed = { path: word, number, validPaths: 1 };
  assert.equal(events, [
    ['path-failed', failed],
    ['table-event', { reason: 'path-failed', eventNumber: 1 }],
  ]);
  const of = { name: 'm', number: device.number };
  assert.equal(listener.of<PathMessage>('rqdm:path:fail'), [{ device: of, ...failed }]);
  assert.equal(listener.of<TableEventMessage>('rqdm:table:event'), [{ device: of, reason: 'path-failed', eventNumber: 1 }]);
  device.message(`reinstate_path ${number}`);
  await turns();
  assert.equal(events.slice(2), [
    ['path-reinstated', { ...failed, validPaths: 2 }],
    ['table-event', { reason: 'path-reinstated', eventNumber: 2 }],
  ]);
  assert.equal(listener.of<PathMessage>('rqdm:path:reinstate'), [{ device: of, ...failed, validPaths: 2 }]);
});

test('an I/O that fails on its path is told as requeued', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(['mem:a?size=1M&error=transport#1', 'mem:a?size=1M#2'], { selector: 'round-robin' });
  using listener = new Listener('rqdm:request:requeue', 'rqdm:path:fail');
  await Promise.all([device.read(0, 512), device.read(8192, 512)]);
  await turns();
  const requeued = listener.of<BatchMessage>('rqdm:request:requeue').flatMap(({ events }) => events);
  assert.ok(requeued.length >= 1 && requeued.every(({ action, device: of }) => action === 'R' && of === device.number));
  assert.is(listener.of('rqdm:path:fail').length, 1);
});

test('suspend and resume are told', async () => {
  await using mapper = new DeviceMapper();
  const device = await mapper.openDevice(PATHS, { name: 'm' });
  using listener = new Listener('rqdm:device:suspend', 'rqdm:device:resume');
  await device.suspend();
  await turns();
  await device.resume();
  await turns();
  const of = { name: 'm', number: device.number };
  assert.equal(listener.messages, [
    ['rqdm:device:suspend', of],
    ['rqdm:device:resume', of],
  ]);
});

test.run();
