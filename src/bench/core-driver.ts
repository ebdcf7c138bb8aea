// A core by itself, with a request-based device that maps straight through to an instant device: what the core costs
// without any host. All lives of bios, submit to complete, are spent inside two calls for each batch.

import {
  DEVICE_BACKING,
  DEVICE_REQUEST,
  ELEVATOR_MQ_DEADLINE,
  EXTENT_DEVICE,
  HEADER_COMPLETE_COUNT,
  OPERATION_READ,
  SETTING_DEPTH,
  SETTING_ELEVATOR,
  SETTING_INSTANT,
  SETTING_REQUESTS,
  SUBMIT_ADDRESS,
  SUBMIT_BYTES,
  SUBMIT_DEVICE,
  SUBMIT_OPERATION,
  SUBMIT_SECTORS,
  SUBMIT_TAG,
  WANT_COMPLETE,
} from '../../assembly/abi.ts';
import { Core } from '../../bindings/core-face.ts';

const BACKING = 0;
const MAPPED = 1;
const WORDS = SUBMIT_BYTES / 4;
const DOUBLES = SUBMIT_BYTES / 8;
const NO_HOOKS = 0;

export class CoreDriver {
  readonly #core: Core;
  readonly #batch: number;
  readonly #bioBytes: number;
  #now = 0;

  /** A device of `sizeBytes` that gets `batch` bios of `bioBytes` at a time. */
  constructor(sizeBytes: number, batch: number, bioBytes: number) {
    this.#batch = batch;
    this.#bioBytes = bioBytes;
    this.#core = new Core({ devices: 4, bios: 4096, requests: 4096, extents: 16, submits: batch, traceRecords: 0 });
    const { exports } = this.#core;
    const sectors = sizeBytes / 512;
    exports.createDevice(BACKING, DEVICE_BACKING, sectors);
    exports.configureDevice(BACKING, SETTING_DEPTH, batch);
    exports.configureDevice(BACKING, SETTING_INSTANT, 1);
    exports.createDevice(MAPPED, DEVICE_REQUEST, sectors);
    exports.configureDevice(MAPPED, SETTING_ELEVATOR, ELEVATOR_MQ_DEADLINE);
    exports.configureDevice(MAPPED, SETTING_REQUESTS, batch);
    exports.setExtent(0, 0, sectors, EXTENT_DEVICE, NO_HOOKS, BACKING, 0, 0, 1, 0, 0);
    exports.setExtents(MAPPED, 0, 1, sectors, 1);
    exports.setPath(MAPPED, 0, BACKING);
    exports.setPaths(MAPPED, 1);
  }

  /** Reads at `places` (bytes), a batch at a time, each plugged and waited for; returns bios a second. */
  run(places: Float64Array): number {
    const start = performance.now();
    let ended = 0;
    for (let first = 0; first < places.length; first += this.#batch) {
      ended += this.#runBatch(places, first, Math.min(this.#batch, places.length - first));
    }
    const seconds = (performance.now() - start) / 1000;
    if (ended !== places.length) throw new Error(`the core ended ${ended} of ${places.length} bios`);
    return ended / seconds;
  }

  #runBatch(places: Float64Array, first: number, count: number): number {
    const { exports, header, clock, submitWords, submitDoubles } = this.#core;
    const sectors = this.#bioBytes / 512;
    for (let i = 0; i < count; i++) {
      submitDoubles[i * DOUBLES] = (places[first + i] as number) / 512;
      const at = i * WORDS;
      submitWords[at + SUBMIT_SECTORS] = sectors;
      submitWords[at + SUBMIT_ADDRESS] = i * this.#bioBytes;
      submitWords[at + SUBMIT_OPERATION] = OPERATION_READ;
      submitWords[at + SUBMIT_DEVICE] = MAPPED;
      submitWords[at + SUBMIT_TAG] = i;
    }
    this.#now += 1000;
    clock[0] = this.#now;
    const taken = exports.submit(0, count, 1);
    const want = exports.run();
    if (taken !== count || want !== WANT_COMPLETE) {
      throw new Error(`the core took ${taken} of ${count} bios and wants ${want}: expected all, and ${WANT_COMPLETE}`);
    }
    const ended = header[HEADER_COMPLETE_COUNT] as number;
    header[HEADER_COMPLETE_COUNT] = 0;
    return ended;
  }
}
