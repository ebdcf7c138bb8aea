// The flush machine in plain TypeScript (spec-core 2.1): a request goes in up to three steps, a flush, its data, a flush.
// One flush at a time is sent for all that wait for one.

import { FLAG_PREFLUSH, OPERATION_FLUSH } from '../../assembly/abi.ts';
import { type PlainRequest, requestOf } from './plain-request.ts';

const OLD_NS = 5_000_000_000;

export class PlainFlushes {
  private waiting: PlainRequest[] = [];
  private oldestSince = 0;
  private served: PlainRequest[] = [];
  private goingOn: PlainRequest[] = [];
  private dataUnderWay = 0;
  private readonly send: (request: PlainRequest) => void;
  private readonly end: (request: PlainRequest) => void;

  constructor(send: (request: PlainRequest) => void, end: (request: PlainRequest) => void) {
    this.send = send;
    this.end = end;
  }

  /** A flush, or a write with PREFLUSH or FUA, on a queue with a cache. */
  enter(request: PlainRequest, hasFua: boolean, nowNs: number): void {
    const isFlushedBefore = request.operation === OPERATION_FLUSH || (request.bios[0].flags & FLAG_PREFLUSH) !== 0;
    request.isFlushedAfter = request.isFua && !hasFua;
    if (request.isFlushedAfter) request.isFua = false;
    if (isFlushedBefore) this.wait(request, 'flush', nowNs);
    else if (request.isFlushedAfter) this.sendData(request);
    else this.send(request);
  }

  private wait(request: PlainRequest, step: 'flush' | 'flush-after', nowNs: number): void {
    if (this.waiting.length === 0) this.oldestSince = nowNs;
    request.step = step;
    this.waiting.push(request);
  }

  private sendData(request: PlainRequest): void {
    request.step = 'data';
    this.dataUnderWay++;
    this.send(request);
  }

  /** What has ended goes on; a flush is sent if none is under way, and no data, or it has waited for too long. */
  run(nowNs: number): void {
    for (const request of this.goingOn.splice(0)) {
      if (request.step === 'data') this.wait(request, 'flush-after', nowNs);
      else this.sendData(request);
    }
    if (this.served.length > 0 || this.waiting.length === 0) return;
    if (this.dataUnderWay > 0 && nowNs < this.oldestSince + OLD_NS) return;
    this.served = this.waiting;
    this.waiting = [];
    this.send({ ...requestOf({ tag: -1, operation: OPERATION_FLUSH, sector: 0, sectors: 0, at: 0, flags: 0 }), bios: [] });
  }

  /** A step, or the flush sent for some, has ended well. False: this is not the end of a step. */
  ended(request: PlainRequest): boolean {
    if (request.bios.length === 0 && request.operation === OPERATION_FLUSH) {
      for (const one of this.served.splice(0)) {
        if (one.step === 'flush' && one.operation !== OPERATION_FLUSH) this.goingOn.push(one);
        else this.end(one);
      }
      return true;
    }
    if (request.step !== 'data') return false;
    this.dataUnderWay--;
    if (request.isFlushedAfter) this.goingOn.push(request);
    return request.isFlushedAfter;
  }

  /** The data is not sent after all: its bio begins anew. */
  forgets(request: PlainRequest): void {
    if (request.step === 'data') this.dataUnderWay--;
  }
}
