// Stage 3 of 11: insert and sort. From merge, the plug, or end_io; to dispatch.
//
// Promises: the request is in its elevator, or part of one that is, and the queue will be run.
// Never: starts a request.
import { ELEVATOR_NONE, TRACE_INSERT } from '../abi';
import * as elevator from '../elevator/elevator';
import { creditsOf } from '../record/credit';
import { Device } from '../record/device';
import { Request } from '../record/request';
import { ready, root } from '../record/root';
import { trace, tracedOf } from '../stats/trace';
import { absorbNew } from './merge';

export function insert(device: Device, request: Request): void {
  ready(device);
  if (absorbNew(device, request)) return;
  // without an elevator a queue that has credits issues straight away: nothing is inserted anywhere
  const isFiled = !!(root().isForWant & device.isInTurn);
  if (device.elevator != ELEVATOR_NONE || creditsOf(device) == 0 || isFiled) {
    trace(TRACE_INSERT, device, tracedOf(request.operation, request.flags), request.sector, request.sectors, 0);
  }
  elevator.insert(device, request, root().now);
}
