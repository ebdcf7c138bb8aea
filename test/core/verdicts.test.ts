// Every verdict of every hook, on requests and on bios: what happens to the I/O, what is asked next, and when.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  END_KILL,
  HEADER_STALE_ANSWERS,
  OPERATION_WRITE,
  STATUS_IOERR,
  STATUS_MEDIUM,
  STATUS_OFFLINE,
  STATUS_OK,
  STATUS_TRANSPORT,
} from '../../assembly/abi.ts';
import {
  END_DELAY_REQUEUE,
  END_INCOMPLETE,
  END_REQUEUE,
  MAP_DELAY_REQUEUE,
  MAP_KILL,
  MAP_REMAPPED,
  MAP_REQUEUE,
  MAP_SUBMITTED,
} from '../../bindings/target/target.ts';
import { CoreDriver, type DrivenBio, type PathAnswer } from '../support/core-driver.ts';
import { type Answers, Script } from '../support/core-script.ts';

const MS = 1_000_000;

class Bench {
  readonly driver = new CoreDriver();
  readonly target: Script;
  readonly device: number;
  private readonly answers: PathAnswer[];

  constructor(kind: 'request' | 'bio', verdicts: Answers, answers: readonly PathAnswer[] = []) {
    this.answers = [...answers];
    const path = this.driver.backing({ script: () => this.answers.shift() });
    this.target = new Script(path, verdicts);
    const options = { extents: [{ hooks: this.target, length: 4096 }], paths: [path] };
    this.device = kind === 'request' ? this.driver.request(options) : this.driver.bio(options);
  }

  read(sector: number = 0): DrivenBio {
    return this.driver.submit([{ device: this.device, sector }])[0];
  }

  get elapsedMs(): number {
    return this.driver.nowNs / MS - 1;
  }
}

const ASKED = ['prep_map 0+8', 'map 0+8'];
const FAILED: PathAnswer = { status: STATUS_TRANSPORT };

for (const kind of ['request', 'bio'] as const) {
  const test = suite(`core/verdicts: ${kind}`);

  test('a good I/O is asked about on the way down and at its end, not about an error', () => {
    const bench = new Bench(kind, {});
    const bio = bench.read();
    assert.is(bio.status, undefined);
    bench.driver.assertIdle();
    assert.is(bio.status, STATUS_OK);
    assert.equal(bench.target.asked(), [...ASKED, 'end_io 0+8']);
  });

  test('prep_map kills: IOERR, and nobody is asked any more', () => {
    const bench = new Bench(kind, { prepMap: [MAP_KILL] });
    assert.is(bench.read().status, STATUS_IOERR);
    assert.equal(bench.target.asked(), ['prep_map 0+8']);
    bench.driver.assertIdle();
    assert.is(bench.driver.issued.length, 0);
  });

  test('prep_map says something unknown: a kill', () => {
    const bench = new Bench(kind, { prepMap: [77] });
    assert.is(bench.read().status, STATUS_IOERR);
    bench.driver.assertIdle();
  });

  test('prep_map chooses a device that is none, or that does not stand below: released and killed', () => {
    for (const chosen of [99, 1]) {
      const bench = new Bench(kind, { devices: [chosen] });
      assert.is(bench.read().status, STATUS_IOERR);
      assert.equal(bench.target.asked(), ['prep_map 0+8', 'release 0+8']);
      bench.driver.assertIdle();
    }
  });

  test('prep_map says REQUEUE: it is asked again after 3 ms', () => {
    const bench = new Bench(kind, { prepMap: [MAP_REQUEUE] });
    const bio = bench.read();
    assert.equal(bench.target.asked(), ['prep_map 0+8']);
    assert.ok(bench.driver.step());
    assert.is(bench.elapsedMs, 3);
    assert.equal(bench.target.asked(), ASKED);
    bench.driver.assertIdle();
    assert.is(bio.status, STATUS_OK);
  });

  test('prep_map says REQUEUE while another I/O is below: it is asked again as soon as that ends', () => {
    const bench = new Bench(kind, { prepMap: [MAP_REMAPPED, MAP_REQUEUE] });
    bench.read(0);
    const second = bench.read(100);
    bench.target.asked();
    assert.ok(bench.driver.step());
    assert.is(bench.elapsedMs, 1);
    assert.equal(bench.target.asked(), ['end_io 0+8', 'prep_map 100+8', 'map 100+8']);
    bench.driver.assertIdle();
    assert.is(second.status, STATUS_OK);
  });

  test('prep_map says REQUEUE for ever: time goes on all the same', () => {
    const bench = new Bench(kind, { prepMap: Array.from({ length: 50 }, () => MAP_REQUEUE) });
    const bio = bench.read();
    bench.driver.assertIdle();
    assert.is(bio.status, STATUS_OK);
    assert.is(bench.elapsedMs, 50 * 3 + 1);
  });

  test('prep_map says DELAY_REQUEUE: it is asked again after 100 ms', () => {
    const bench = new Bench(kind, { prepMap: [MAP_DELAY_REQUEUE] });
    const bio = bench.read();
    assert.ok(bench.driver.step());
    assert.is(bench.elapsedMs, 100);
    bench.driver.assertIdle();
    assert.is(bio.status, STATUS_OK);
    assert.equal(bench.target.asked(), ['prep_map 0+8', ...ASKED, 'end_io 0+8']);
  });

  test('a kick brings back at once what waits for a delayed requeue', () => {
    const bench = new Bench(kind, { prepMap: [MAP_DELAY_REQUEUE] });
    bench.read();
    bench.driver.kick(bench.device);
    assert.equal(bench.target.asked(), ['prep_map 0+8', ...ASKED]);
    assert.is(bench.elapsedMs, 0);
    bench.driver.assertIdle();
  });

  test('prep_map keeps the I/O: it ends with the status that finish gives', () => {
    for (const status of [STATUS_OFFLINE, STATUS_OK]) {
      const bench = new Bench(kind, { prepMap: [MAP_SUBMITTED] });
      const [bio] = bench.driver.submit([{ device: bench.device, operation: OPERATION_WRITE }]);
      assert.not.ok(bench.driver.step(), 'nothing happens by itself');
      assert.ok(bench.driver.finish(bench.target.ids[0], status));
      assert.is(bio.status, status);
      assert.not.ok(bench.driver.finish(bench.target.ids[0], status), 'it is not kept any more');
      assert.equal(bench.target.asked(), ['prep_map 0+8']);
      bench.driver.assertIdle();
    }
  });

  test('map kills: the choice is released, IOERR, and end_io is not asked', () => {
    const bench = new Bench(kind, { map: [MAP_KILL] });
    assert.is(bench.read().status, STATUS_IOERR);
    assert.equal(bench.target.asked(), [...ASKED, 'release 0+8']);
    bench.driver.assertIdle();
  });

  test('map names another device than prep_map chose: a kill', () => {
    const bench = new Bench(kind, {});
    const map = bench.target.map.bind(bench.target);
    bench.target.map = (io) => {
      map(io);
      io.device = bench.device;
      return MAP_REMAPPED;
    };
    assert.is(bench.read().status, STATUS_IOERR);
    assert.equal(bench.target.asked(), [...ASKED, 'release 0+8']);
    bench.driver.assertIdle();
  });

  test('map says REQUEUE: the choice is released, and prep_map asked again after 3 ms', () => {
    const bench = new Bench(kind, { map: [MAP_REQUEUE] });
    bench.read();
    assert.equal(bench.target.asked(), [...ASKED, 'release 0+8']);
    bench.driver.step();
    assert.is(bench.elapsedMs, 3);
    assert.equal(bench.target.asked(), ASKED);
    bench.driver.assertIdle();
  });

  test('map says DELAY_REQUEUE: the choice is released, and prep_map asked again after 100 ms', () => {
    const bench = new Bench(kind, { map: [MAP_DELAY_REQUEUE] });
    bench.read();
    assert.equal(bench.target.asked(), [...ASKED, 'release 0+8']);
    bench.driver.step();
    assert.is(bench.elapsedMs, 100);
    bench.driver.assertIdle();
  });

  test('map keeps the I/O: it ends with the status that finish gives', () => {
    const bench = new Bench(kind, { map: [MAP_SUBMITTED] });
    const bio = bench.read();
    assert.not.ok(bench.driver.step());
    assert.ok(bench.driver.finish(bench.target.ids[0], STATUS_MEDIUM));
    assert.is(bio.status, STATUS_MEDIUM);
    bench.driver.assertIdle();
  });

  test('map moves the place on the device', () => {
    const bench = new Bench(kind, {});
    bench.target.map = (io) => {
      io.sector += 1000;
      return MAP_REMAPPED;
    };
    bench.driver.submit([{ device: bench.device, sector: 24, operation: OPERATION_WRITE }]);
    assert.is(bench.driver.issued[0].sector, 1024);
    bench.driver.assertIdle();
  });

  test('end_io_first is asked about an error only, before end_io, and its status goes on', () => {
    const bench = new Bench(kind, { endIoFirst: [STATUS_MEDIUM] }, [FAILED]);
    const bio = bench.read();
    bench.driver.assertIdle();
    assert.equal(bench.target.asked(), [...ASKED, 'end_io_first 0+8 status 4', 'end_io 0+8 status 7']);
    assert.is(bio.status, STATUS_MEDIUM);
  });

  test('end_io_first makes an error good', () => {
    const bench = new Bench(kind, { endIoFirst: [STATUS_OK] }, [FAILED]);
    const [bio] = bench.driver.submit([{ device: bench.device, operation: OPERATION_WRITE }]);
    bench.driver.assertIdle();
    assert.equal(bench.target.asked(), [...ASKED, 'end_io_first 0+8 status 4', 'end_io 0+8']);
    assert.is(bio.status, STATUS_OK);
  });

  test('end_io says REQUEUE: prep_map is asked at once, and sees the first error', () => {
    const bench = new Bench(kind, { endIo: [END_REQUEUE] }, [FAILED]);
    const bio = bench.read();
    bench.driver.assertIdle();
    const again = ['prep_map 0+8 status 4', 'map 0+8', 'end_io 0+8'];
    assert.equal(bench.target.asked(), [...ASKED, 'end_io_first 0+8 status 4', 'end_io 0+8 status 4', ...again]);
    assert.is(bench.elapsedMs, 2);
    assert.equal([bio.status, bio.attempts, bio.firstStatus, bio.lastPath], [STATUS_OK, 2, STATUS_TRANSPORT, 0]);
  });

  test('end_io says DELAY_REQUEUE: prep_map is asked after 100 ms', () => {
    const bench = new Bench(kind, { endIo: [END_DELAY_REQUEUE] }, [FAILED]);
    bench.read();
    bench.driver.step();
    bench.driver.step();
    assert.is(bench.elapsedMs, 101);
    bench.driver.assertIdle();
  });

  test('end_io keeps the I/O: it ends with the status that finish gives', () => {
    const bench = new Bench(kind, { endIo: [END_INCOMPLETE] });
    const bio = bench.read();
    bench.driver.step();
    assert.is(bio.status, undefined);
    assert.ok(bench.driver.finish(bench.target.ids[0], STATUS_OFFLINE));
    assert.is(bio.status, STATUS_OFFLINE);
    bench.driver.assertIdle();
  });

  test('end_io kills: IOERR although the path was good', () => {
    const bench = new Bench(kind, { endIo: [END_KILL] });
    const bio = bench.read();
    bench.driver.assertIdle();
    assert.is(bio.status, STATUS_IOERR);
  });

  test('finish of what is not kept changes nothing', () => {
    const bench = new Bench(kind, {});
    const bio = bench.read();
    for (const id of [bench.target.ids[0], 0xffffffff, 0x80000fff]) assert.not.ok(bench.driver.finish(id, STATUS_OK));
    bench.driver.assertIdle();
    assert.is(bio.status, STATUS_OK);
    assert.not.ok(bench.driver.finish(bench.target.ids[0], STATUS_OK), 'it has ended');
  });

  test('finish with the name of an I/O that has ended does not touch the one that has its record now', () => {
    const bench = new Bench(kind, { prepMap: [MAP_SUBMITTED, MAP_SUBMITTED] });
    const write = { device: bench.device, operation: OPERATION_WRITE };
    bench.driver.submit([write]);
    assert.ok(bench.driver.finish(bench.target.ids[0], STATUS_OK));
    const [second] = bench.driver.submit([write]);
    assert.not.ok(bench.driver.finish(bench.target.ids[0], STATUS_OK));
    assert.is(second.status, undefined);
    assert.ok(bench.driver.finish(bench.target.ids[1], STATUS_OK));
    bench.driver.assertIdle();
  });

  test('what map keeps does not hold the path up', () => {
    const bench = new Bench(kind, { map: [MAP_SUBMITTED] });
    bench.driver.configure(0, { depth: 1 });
    const [, second] = bench.driver.submit([0, 100].map((sector) => ({ device: bench.device, sector })));
    bench.driver.drain();
    assert.is(second.status, STATUS_OK);
    assert.ok(bench.driver.finish(bench.target.ids[0], STATUS_OFFLINE));
    bench.driver.assertIdle();
  });

  test('more I/Os than a decision ring has room for are all decided about, in order', () => {
    const bench = new Bench(kind, {});
    const bios = Array.from({ length: 700 }, (_, i) => ({ device: bench.device, sector: (i * 16) % 4096 }));
    bench.driver.configure(bench.device, { requests: 1024, nomerges: 2 });
    bench.driver.configure(0, { depth: 1024, requests: 1024 });
    bench.driver.submit(bios);
    const prepMaps = bench.target.log.filter((line) => line.startsWith('prep_map'));
    assert.equal(
      prepMaps,
      bios.map(({ sector }) => `prep_map ${sector}+8`),
    );
    bench.driver.assertIdle();
    assert.is(bench.target.log.filter((line) => line.startsWith('end_io ')).length, 700);
  });

  test('errors of more I/Os than a decision ring has room for are all decided about', () => {
    const bench = new Bench(
      kind,
      {},
      Array.from({ length: 700 }, () => FAILED),
    );
    const bios = Array.from({ length: 700 }, (_, i) => ({ device: bench.device, sector: (i * 16) % 4096 }));
    bench.driver.configure(bench.device, { requests: 1024, nomerges: 2 });
    bench.driver.configure(0, { depth: 1024, requests: 1024, nomerges: 2 });
    const read = bench.driver.submit(bios);
    bench.driver.assertIdle();
    assert.is(bench.target.log.filter((line) => line.startsWith('end_io_first')).length, 700);
    assert.ok(read.every(({ status, attempts }) => status === STATUS_TRANSPORT && attempts === 1));
  });

  test.run();
}

const stale = suite('core/verdicts: late answers');

stale('an answer that comes twice is counted and ignored', () => {
  const driver = new CoreDriver();
  const path = driver.backing({ script: () => ({ isHeld: true }) });
  driver.submit([{ device: path }]);
  const [io] = driver.issued;
  driver.answer(io);
  assert.ok(driver.core.answer(io.id, STATUS_TRANSPORT, 0));
  driver.settle();
  assert.ok(driver.core.answer(io.id, STATUS_TRANSPORT, 0));
  driver.settle();
  assert.is(driver.core.header[HEADER_STALE_ANSWERS], 2);
  driver.staleExpected = 2;
  driver.assertIdle();
  assert.is(driver.bios[0].status, STATUS_OK);
});

stale('an answer to an I/O whose record serves another one by now does not touch that one', () => {
  const driver = new CoreDriver({ devices: 1, bios: 4, requests: 4 });
  const path = driver.backing({ script: () => ({ isHeld: true }) });
  const seen = new Set<number>();
  for (let i = 0; i < 300; i++) {
    driver.submit([{ device: path, sector: i * 8 }]);
    const io = driver.issued[i];
    assert.not.ok(seen.has(io.id), 'an id comes twice');
    for (const id of seen) driver.core.exports.finish(driver.nowNs, id, STATUS_TRANSPORT);
    if (i > 0) {
      assert.ok(driver.core.answer(driver.issued[i - 1].id, STATUS_TRANSPORT, 0));
      driver.settle();
    }
    seen.add(io.id);
    assert.is(driver.bios[i].status, undefined);
    driver.answer(io);
    driver.settle();
    assert.is(driver.bios[i].status, STATUS_OK);
  }
  driver.staleExpected = 299;
  driver.assertIdle();
});

stale('answers with ids that never were are counted and ignored', () => {
  const driver = new CoreDriver();
  driver.backing();
  for (const id of [0, 12345, 0xfffff, 0x7fffffff, 0x80000000, 0xffffffff]) assert.ok(driver.core.answer(id, STATUS_OK, 0));
  driver.settle();
  driver.staleExpected = 6;
  driver.assertIdle();
});

stale.run();
