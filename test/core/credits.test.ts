// Credits: a path takes so many I/Os at a time, who finds none waits in line, and nobody is overtaken or forgotten.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COUNTER_REFUSALS, FIGURE_BUSY, FIGURE_QUEUED, STATUS_IOERR, STATUS_OK } from '../../assembly/abi.ts';
import { END_INCOMPLETE, MAP_REMAPPED } from '../../bindings/target/target.ts';
import { Chooser } from '../support/core-chooser.ts';
import { type BackingOptions, CoreDriver, Space } from '../support/core-driver.ts';
import { Script } from '../support/core-script.ts';

const test = suite('core/credits');

const apart = (device: number, total: number, first: number) =>
  Array.from({ length: total }, (_, i) => ({ device, sector: first + i * 16 }));

const SIZE = 1 << 16;
const PATH: BackingOptions = { depth: 1, sizeSectors: SIZE };

function multipath(driver: CoreDriver, paths: readonly number[]): { device: number; chooser: Chooser } {
  const chooser = new Chooser(paths);
  return { device: driver.request({ extents: [{ hooks: chooser, length: SIZE }], paths }), chooser };
}

/** Devices whose I/Os reached paths, in order. */
const turns = (driver: CoreDriver): number[] => driver.issued.map(({ tags }) => driver.bios[tags[0]].device);

test('two multipath devices and a bio-based one on one path with one credit: each gets its turn', () => {
  const driver = new CoreDriver();
  const path = driver.backing(PATH);
  const [a, b] = [multipath(driver, [path]).device, multipath(driver, [path]).device];
  const c = driver.bio({ extents: [{ device: path, length: SIZE }] });
  for (const [i, device] of [a, b, c].entries()) driver.submit(apart(device, 12, i * 1000));
  driver.assertIdle();
  const served = turns(driver);
  assert.is(served.length, 36);
  for (let i = 1; i + 3 <= 34; i++) assert.is(new Set(served.slice(i, i + 3)).size, 3, `${served}`);
});

test('whoever submits without pause does not keep the others out', () => {
  const driver = new CoreDriver();
  const path = driver.backing(PATH);
  const { device: a } = multipath(driver, [path]);
  const { device: b } = multipath(driver, [path]);
  const space = new Space();
  driver.shareSpace(space, path, a, b);
  driver.submit(apart(b, 3, 0));
  driver.submit(apart(a, 10, 1000));
  // from now on the path's own queue gets a new bio, in the same run, whenever one is answered
  for (let i = 0; i < 40; i++) {
    driver.enter([{ device: path, sector: 20_000 + i * 16 }]);
    driver.step();
  }
  const others = turns(driver).filter((device) => device === a);
  assert.is(others.length, 10, `${turns(driver)}`);
  driver.assertIdle();
});

test('a credit that its owner does not need any more goes to the next in line', () => {
  const driver = new CoreDriver();
  const paths = [driver.backing({ ...PATH, serviceNs: () => 10 }), driver.backing({ ...PATH, serviceNs: () => 20 })];
  const first = multipath(driver, paths);
  const second = multipath(driver, [paths[1]]);
  driver.submit(apart(second.device, 1, 0));
  driver.submit(apart(first.device, 1, 1000));
  // both paths are taken: this one stands in both lines, and is served by whichever comes first
  driver.submit(apart(first.device, 1, 2000));
  driver.submit(apart(second.device, 3, 3000));
  driver.assertIdle();
});

test('who is suspended or busy when its turn comes passes it on', () => {
  for (const how of ['suspended', 'busy'] as const) {
    const driver = new CoreDriver();
    const path = driver.backing(PATH);
    const { device: a } = multipath(driver, [path]);
    const { device: b } = multipath(driver, [path]);
    const c = driver.bio({ extents: [{ device: path, length: SIZE }] });
    for (const [i, device] of [b, a, c].entries()) driver.submit(apart(device, 3, i * 1000));
    if (how === 'busy') driver.core.figures(a)[FIGURE_BUSY] = 1;
    else driver.setState(a, 2);
    driver.drain();
    assert.is(turns(driver).filter((device) => device !== a).length, 6, how);
    assert.is(driver.figure(a, FIGURE_QUEUED), 3);
    driver.core.figures(a)[FIGURE_BUSY] = 0;
    if (how === 'busy') driver.kick(a);
    else driver.setState(a, 0);
    driver.assertIdle();
  }
});

test('a path that leaves the usable set is not waited for, and its line goes on', () => {
  const driver = new CoreDriver();
  const paths = [driver.backing(PATH), driver.backing(PATH)];
  const first = multipath(driver, paths);
  const second = multipath(driver, [paths[1]]);
  driver.submit(apart(first.device, 2, 0));
  driver.submit(apart(first.device, 2, 1000));
  driver.submit(apart(second.device, 2, 2000));
  first.chooser.setActive(driver, first.device, 1, false);
  driver.assertIdle();
  assert.ok(driver.bios.every(({ status }) => status === STATUS_OK));
});

test('a batch asks for no more than the smallest credit of the usable set, and for one while any path is free', () => {
  const driver = new CoreDriver();
  const script = () => ({ isHeld: true });
  const paths = [driver.backing({ ...PATH, depth: 5, script }), driver.backing({ ...PATH, depth: 3, script })];
  const target = new Script(paths[0]);
  const hooks = { prepMap: target.prepMap.bind(target) };
  const device = driver.request({ extents: [{ hooks, length: SIZE }], paths });
  const asked: number[] = [];
  const { run } = driver.core.exports;
  Object.defineProperty(driver.core, 'exports', {
    value: {
      ...driver.core.exports,
      run: () => {
        const want = run();
        asked.push(driver.core.header[20]);
        return want;
      },
    },
  });
  driver.submit(apart(device, 9, 0));
  // 3: the smaller credit; then 2 and 3 are free; then 0 and 3, one at a time, none of which path 0 can take
  assert.equal(asked.slice(0, 3), [3, 2, 1]);
  assert.is(driver.issued.length, 5);
  for (const io of [...driver.issued]) driver.answer(io);
  driver.settle();
  for (const io of driver.issued.slice(5)) driver.answer(io);
  driver.assertIdle();
});

test('a refusal releases the later verdicts of its batch, which are asked for again in order', () => {
  const driver = new CoreDriver();
  const wide = driver.backing({ ...PATH, depth: 8 });
  const narrow = driver.backing({ ...PATH, depth: 1 });
  const target = new Script(wide, { devices: [narrow, narrow, wide, wide] });
  const hooks = {
    prepMap: target.prepMap.bind(target),
    endIo: target.endIo.bind(target),
    release: target.release.bind(target),
  };
  const device = driver.request({ extents: [{ hooks, length: SIZE }], paths: [wide] });
  driver.submit(apart(device, 4, 0));
  const asked = ['prep_map 0+8', 'prep_map 16+8', 'prep_map 32+8', 'prep_map 48+8'];
  assert.equal(target.asked(), [...asked, 'release 16+8', 'release 32+8', 'release 48+8']);
  assert.is(driver.counter(device, COUNTER_REFUSALS), 3);
  driver.step();
  assert.equal(target.asked(), ['end_io 0+8', ...asked.slice(1)]);
  driver.assertIdle();
});

test('a choice outside the usable set waits for that device alone', () => {
  const driver = new CoreDriver();
  const seen = driver.backing(PATH);
  const unseen = driver.backing({ ...PATH, serviceNs: () => 500 });
  const target = new Script(unseen);
  const hooks = { prepMap: target.prepMap.bind(target), release: target.release.bind(target) };
  const device = driver.request({ extents: [{ hooks, length: SIZE }], paths: [seen] });
  driver.submit(apart(device, 5, 0));
  driver.assertIdle();
  assert.equal(
    driver.issued.map((io) => io.device),
    [unseen, unseen, unseen, unseen, unseen],
  );
});

test('clones that map decides about have their credit already: the depth holds', () => {
  const driver = new CoreDriver();
  const paths = [driver.backing({ ...PATH, depth: 2 }), driver.backing({ ...PATH, depth: 3 })];
  const chooser = new Chooser(paths);
  const hooks = {
    prepMap: chooser.prepMap.bind(chooser),
    endIo: chooser.endIo.bind(chooser),
    release: chooser.release.bind(chooser),
    map: () => MAP_REMAPPED,
  };
  const devices = [0, 1].map(() => driver.request({ extents: [{ hooks, length: SIZE }], paths }));
  driver.submit(devices.flatMap((device, i) => apart(device, 20, i * 1000)));
  driver.assertIdle();
  chooser.assertBalanced();
});

test('a suspended or busy device gives no credit to those above it, and wakes them when it goes on', () => {
  for (const how of ['suspended', 'busy'] as const) {
    const driver = new CoreDriver();
    const path = driver.backing(PATH);
    const { device: lower } = multipath(driver, [path]);
    const { device: upper } = multipath(driver, [lower]);
    if (how === 'busy') driver.core.figures(lower)[FIGURE_BUSY] = 1;
    else driver.setState(lower, 2);
    const bios = driver.submit(apart(upper, 3, 0));
    driver.drain();
    assert.is(driver.issued.length, 0);
    assert.is(driver.figure(upper, FIGURE_QUEUED), 3, 'where they still merge');
    driver.core.figures(lower)[FIGURE_BUSY] = 0;
    if (how === 'busy') driver.kick(lower);
    else driver.setState(lower, 0);
    driver.assertIdle();
    assert.ok(bios.every(({ status }) => status === STATUS_OK));
  }
});

test('without a usable path prep_map decides', () => {
  const driver = new CoreDriver();
  const path = driver.backing(PATH);
  const { device, chooser } = multipath(driver, [path]);
  chooser.setActive(driver, device, 0, false);
  const [killed] = driver.submit([{ device }]);
  assert.is(killed.status, STATUS_IOERR);
  chooser.isQueueing = true;
  const [kept] = driver.submit([{ device }]);
  driver.step();
  driver.step();
  assert.is(kept.status, undefined);
  chooser.setActive(driver, device, 0, true);
  driver.assertIdle();
  assert.is(kept.status, STATUS_OK);
});

test('more depth wakes those that wait', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ ...PATH, script: () => ({ isHeld: true }) });
  const { device } = multipath(driver, [path]);
  driver.submit(apart(device, 4, 0));
  assert.is(driver.issued.length, 1);
  driver.configure(path, { depth: 3 });
  driver.settle();
  assert.is(driver.issued.length, 3);
  for (const io of [...driver.issued]) driver.answer(io);
  driver.settle();
  driver.answer(driver.issued[3]);
  driver.assertIdle();
});

test("depth that is taken back before its turn has come is nobody's", () => {
  const driver = new CoreDriver();
  const path = driver.backing(PATH);
  const devices = [0, 1, 2].map(() => multipath(driver, [path]).device);
  driver.submit(devices.flatMap((device, i) => apart(device, 4, i * 1000)));
  driver.configure(path, { depth: 3 });
  driver.configure(path, { depth: 1 });
  driver.assertIdle();
});

test('a middle device that takes one clone at a time gives its credit back when that has ended', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ ...PATH, depth: 8 });
  const chooser = new Chooser([path]);
  const lower = driver.request({ extents: [{ hooks: chooser, length: SIZE }], paths: [path], requests: 1 });
  const { device: upper } = multipath(driver, [lower]);
  const bios = driver.submit(apart(upper, 5, 0));
  driver.assertIdle();
  assert.ok(bios.every(({ status }) => status === STATUS_OK));
});

test('a bio that waits for a record below is not overtaken by those that come later', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ ...PATH, depth: 1, bios: 2 });
  const [a, b] = [0, 1].map(() => driver.bio({ extents: [{ device: path, length: SIZE }] }));
  driver.submit([...apart(a, 6, 0), ...apart(b, 6, 1000)]);
  for (let i = 0; i < 16; i++) {
    driver.enter([{ device: a, sector: 20_000 + i * 16 }]);
    driver.step();
  }
  assert.ok(
    driver.bios.filter(({ device }) => device === b).every(({ status }) => status === STATUS_OK),
    `${turns(driver)}`,
  );
  driver.assertIdle();
});

test('batches of 1 and of 64 choose alike', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 64, maxLength: 64 });
  fc.assert(
    fc.property(lengths, fc.constantFrom('service-time' as const, 'round-robin' as const), (sectors, policy) => {
      const choices = [1, 64].map((batch) => {
        const driver = new CoreDriver();
        const paths = Array.from({ length: 3 }, () => driver.backing({ sizeSectors: SIZE, depth: 64 }));
        const chooser = new Chooser(paths, { policy });
        const device = driver.request({ extents: [{ hooks: chooser, length: SIZE }], paths });
        const bios = sectors.map((length, i) => ({ device, sector: i * 128, sectors: length }));
        for (let i = 0; i < bios.length; i += batch) driver.submit(bios.slice(i, i + batch), false);
        driver.assertIdle();
        chooser.assertBalanced();
        return chooser.choices;
      });
      assert.equal(choices[0], choices[1]);
    }),
    { numRuns: 20 },
  );
});

test('a kept I/O that goes to another device gives its credit of a mapped device back to who waits for it', () => {
  const driver = new CoreDriver();
  const [a, b] = [driver.backing(), driver.backing()];
  const lower = driver.request({ requests: 1, extents: [{ device: a, length: 4096 }] });
  const script = new Script(lower, { endIo: [END_INCOMPLETE] });
  const upper = driver.request({ extents: [{ hooks: script, length: 4096 }], paths: [lower, b] });
  driver.submit([{ device: upper, sector: 0 }]);
  driver.drain();
  driver.submit([{ device: upper, sector: 800 }]);
  driver.drain();
  assert.equal(
    driver.issued.map(({ device, sector }) => [device, sector]),
    [[a, 0]],
  );
  assert.ok(driver.remap(script.ids[0], b, 0));
  driver.assertIdle();
  assert.equal(
    driver.issued
      .slice(1)
      .map(({ device, sector }) => `${device}: ${sector}`)
      .toSorted(),
    [`${a}: 800`, `${b}: 0`],
  );
});

test.run();
