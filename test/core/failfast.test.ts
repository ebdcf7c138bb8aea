// Bios that fail fast and bios that do not in one request (spec-core 3.2): an error that stands ends the first of those
// that are not done, and those behind it that fail as it does. The others have a turn of their own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as abi from '../../assembly/abi.ts';
import { END_REQUEUE } from '../../bindings/target/target.ts';
import { CoreDriver, type DrivenBio, type PathAnswer } from '../support/core-driver.ts';
import { Script } from '../support/core-script.ts';
import { RawCore } from '../support/raw-core.ts';

const test = suite('core/failfast');

const { STATUS_MEDIUM: MEDIUM, STATUS_TRANSPORT: TRANSPORT, FLAG_FAILFAST: FAST } = abi;

/** Reads in a row, by one letter each: F fails fast, n does not. */
const row = (device: number, letters: string) =>
  [...letters].map((letter, i) => ({ device, sector: 8 * i, flags: letter === 'F' ? FAST : 0 }));
const statuses = (bios: readonly DrivenBio[]): string => bios.map(({ status }) => status).join(' ');
const places = (driver: CoreDriver): string[] => driver.issued.map(({ sector, sectors }) => `${sector}+${sectors}`);

/** A path of its own queue that answers so, one after the other, and then well. */
function failing(...answers: readonly PathAnswer[]): { driver: CoreDriver; path: number } {
  const driver = new CoreDriver();
  const path = driver.backing({ depth: 1, elevator: abi.ELEVATOR_MQ_DEADLINE, script: ({ ordinal }) => answers[ordinal] });
  return { driver, path };
}

test('each error ends those that fail alike, and so the last of them ends the last', () => {
  const { driver, path } = failing({ status: MEDIUM }, { status: TRANSPORT }, { status: MEDIUM }, { status: TRANSPORT });
  const bios = driver.submit(row(path, 'FFnnnF'));
  driver.assertIdle();
  assert.equal(places(driver), ['0+48', '16+32', '40+8']);
  assert.is(statuses(bios), '7 7 4 4 4 7');
});

test('what is good before the error is told as that; the run begins behind it', () => {
  const { driver, path } = failing({ status: MEDIUM, goodSectors: 12 });
  const bios = driver.submit(row(path, 'FnnF'));
  driver.assertIdle();
  assert.is(statuses(bios), '0 7 7 0');
  assert.equal(places(driver), ['0+32', '24+8']);
});

test('an error of bios that all fail alike ends them all', () => {
  for (const letters of ['FFF', 'nnn']) {
    const { driver, path } = failing({ status: MEDIUM });
    const bios = driver.submit(row(path, letters));
    driver.assertIdle();
    assert.is(statuses(bios), '7 7 7');
    assert.is(driver.issued.length, 1);
  }
});

test('the rest goes before what waits, and what follows it may merge with it', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ depth: 1, elevator: abi.ELEVATOR_MQ_DEADLINE, script: () => ({ isHeld: true }) });
  driver.submit(row(path, 'Fn'));
  driver.submit([{ device: path, sector: 500 }]);
  driver.answer(driver.issued[0], MEDIUM);
  driver.settle();
  assert.equal(places(driver), ['0+16', '8+8']);
  driver.answer(driver.issued[1]);
  driver.settle();
  driver.answer(driver.issued[2]);
  driver.assertIdle();
});

test('a request fails fast as its first bio does, whichever way it grew', () => {
  const core = new RawCore();
  const path = core.backing([
    [abi.SETTING_ELEVATOR, abi.ELEVATOR_MQ_DEADLINE],
    [abi.SETTING_DEPTH, 1],
  ]);
  const flagsOfNext = (...bios: readonly (readonly [sector: number, flags: number])[]): number => {
    core.submit({ device: path, sector: 5000, sectors: 8 });
    for (const [sector, flags] of bios) core.submit({ device: path, sector, sectors: 8, flags });
    const [, merged] = core.drain();
    return (merged?.flags ?? 0) & FAST;
  };
  assert.is(flagsOfNext([0, FAST], [8, 0]), FAST);
  assert.is(flagsOfNext([0, 0], [8, FAST]), 0);
  assert.is(flagsOfNext([8, 0], [0, FAST]), FAST);
  assert.is(flagsOfNext([8, FAST], [0, 0]), 0);
  assert.is(flagsOfNext([16, FAST], [0, 0], [8, FAST]), 0);
  core.assertIdle();
});

test('above paths a retry takes all along; only an error that stands goes bio by bio, and prep_map is asked for the rest', () => {
  const driver = new CoreDriver();
  let errors = 2;
  const path = driver.backing({ script: () => (errors-- > 0 ? { status: TRANSPORT } : undefined) });
  const target = new Script(path, { endIo: [END_REQUEUE] });
  const hooks = { prepMap: target.prepMap.bind(target), endIo: target.endIo.bind(target) };
  const device = driver.request({ extents: [{ hooks, length: 4096 }], paths: [path] });
  const bios = driver.submit(row(device, 'FFn'));
  driver.assertIdle();
  assert.is(statuses(bios), '4 4 0');
  assert.equal(target.asked(), [
    'prep_map 0+24',
    'end_io 0+24 status 4',
    'prep_map 0+24 status 4',
    'end_io 0+24 status 4',
    'prep_map 16+8 status 4',
    'end_io 16+8',
  ]);
  assert.equal(
    bios.map(({ attempts, firstStatus }) => [attempts, firstStatus]),
    [
      [2, TRANSPORT],
      [2, TRANSPORT],
      [3, TRANSPORT],
    ],
  );
});

test('the rest of a killed request, and of one in a stretch of errors, ends too', () => {
  const driver = new CoreDriver();
  const device = driver.request({ extents: [{ kind: 'error', length: 4096 }] });
  const bios = driver.submit(row(device, 'FnFnF'));
  driver.assertIdle();
  assert.is(statuses(bios), Array.from({ length: 5 }, () => abi.STATUS_IOERR).join(' '));
  assert.equal(driver.ended, [0, 1, 2, 3, 4]);
});

test('ranges of a discard end so as well, and the rest keeps its places', () => {
  const core = new RawCore();
  const path = core.backing([
    [abi.SETTING_MAX_DISCARD_SECTORS, 64],
    [abi.SETTING_MAX_DISCARD_SEGMENTS, 4],
  ]);
  const bio = { device: path, operation: abi.OPERATION_DISCARD, sectors: 8 };
  core.submit({ ...bio, sector: 500, flags: FAST }, { ...bio, sector: 100 }, { ...bio, sector: 300 });
  core.answer(1, MEDIUM);
  assert.equal(core.issued[0]?.ranges, [
    [100, 8],
    [300, 8],
  ]);
  core.drain();
  assert.equal([...core.ended.values()], [MEDIUM, 0, 0]);
  core.assertIdle();
});

test.run();
