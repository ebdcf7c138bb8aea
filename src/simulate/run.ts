// One run: a load on devices over modelled paths, on virtual time, until all of it has ended.
//
// Time moves from event to event: an arrival of the load, or what is due on the clock (answers of paths, timers of the core
// and of targets, checks, the script). Nothing here waits for the machine, and no promise or closure is made for an I/O;
// promises go on only after events that somebody asked for by a closure (checkers, the script).

import type { MappedDevice, Submitter } from '../../bindings/index.ts';
import { WaitingTimes } from './failover.ts';
import type { Feeder, Intake } from './load/feeder.ts';
import { AFTER_FAILURE_NS, AFTER_NOTHING_NS } from './load/resting.ts';
import { CallerRecorder, classOf, PathRecorder, type RowSink } from './recorder.ts';
import type { Scenario } from './scenario.ts';
import { Script } from './script.ts';
import { BEGIN_NS, IN_FLIGHT_MAX, type World } from './world.ts';

/** After the last arrival, where the scenario does not say when it ends. */
const GRACE_NS = 3600e9;
/** Between two looks at the signal, and turns of the event loop for whoever shows progress. */
const EVENTS_A_LOOK = 65_536;

export interface RunProgress {
  readonly ios: number;
  readonly virtualNs: number;
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly rows?: RowSink | undefined;
  progress?(now: RunProgress): void;
}

/** A device's submitter, and what is known of its I/Os in flight, by their numbers. */
class Lane {
  readonly device: MappedDevice;
  readonly submitter: Submitter;
  readonly arrivedNs: Float64Array = new Float64Array(IN_FLIGHT_MAX);
  readonly bytes: Float64Array = new Float64Array(IN_FLIGHT_MAX);
  readonly classes: Uint8Array = new Uint8Array(IN_FLIGHT_MAX);
  readonly seats: Uint16Array = new Uint16Array(IN_FLIGHT_MAX);
  /** The first and last loss of a path that it counts for; 0: none. FREE: nothing is in flight under this number. */
  readonly firstLosses: Uint16Array = new Uint16Array(IN_FLIGHT_MAX).fill(FREE);
  readonly lastLosses: Uint16Array = new Uint16Array(IN_FLIGHT_MAX);
  /** Losses before it came, where it counts for any. */
  readonly lossesBefore: Uint16Array = new Uint16Array(IN_FLIGHT_MAX);
  readonly free: Uint32Array = new Uint32Array(IN_FLIGHT_MAX);
  freeCount: number = IN_FLIGHT_MAX;

  constructor(device: MappedDevice) {
    this.device = device;
    this.submitter = device.openSubmitter(IN_FLIGHT_MAX);
    for (let i = 0; i < IN_FLIGHT_MAX; i++) this.free[i] = IN_FLIGHT_MAX - 1 - i;
  }

  /** What is in flight counts for this loss; returns how many those are. */
  mark(loss: number): number {
    let count = 0;
    for (let i = 0; i < IN_FLIGHT_MAX; i++) {
      if (this.firstLosses[i] === FREE) continue;
      if (this.firstLosses[i] === 0) {
        this.firstLosses[i] = loss;
        this.lossesBefore[i] = loss - 1;
      }
      this.lastLosses[i] = loss;
      count++;
    }
    return count;
  }
}

const FREE = 0xffff;

/** Why event after event has stopped. */
const PAUSE = 'pause';
const OVER = 'over';

/** A feeder at its lane. */
class Seat implements Intake {
  readonly feeder: Feeder;
  readonly lane: Lane;
  readonly #number: number;
  readonly #failovers: WaitingTimes;
  /** It found no room when it was due, and nothing has ended since. */
  isHeld = false;

  constructor(feeder: Feeder, lane: Lane, number: number, failovers: WaitingTimes) {
    this.feeder = feeder;
    this.#failovers = failovers;
    this.lane = lane;
    this.#number = number;
  }

  get room(): number {
    return this.lane.freeCount;
  }

  take(operation: number, position: number, length: number, arrivedNs: number): void {
    const { lane } = this;
    const index = lane.free[--lane.freeCount] as number;
    lane.arrivedNs[index] = arrivedNs;
    lane.classes[index] = classOf(operation & 0xff);
    lane.bytes[index] = length;
    lane.seats[index] = this.#number;
    const { firstOpen } = this.#failovers;
    lane.firstLosses[index] = firstOpen;
    if (firstOpen !== 0) {
      lane.lastLosses[index] = this.#failovers.lastOpen;
      lane.lossesBefore[index] = this.#failovers.count;
      this.#failovers.begun();
    }
    lane.submitter.submit(index, operation, position, length, 0);
  }
}

export class Run {
  readonly world: World;
  readonly callers: CallerRecorder = new CallerRecorder();
  readonly paths: readonly PathRecorder[];
  readonly failovers: WaitingTimes;
  /** In flight when the last one had come, and the most that ever were. */
  backlogAtLastArrival = 0;
  inFlightMost = 0;
  lastArrivalNs: number = BEGIN_NS;
  /** I/Os that found all room taken and had to wait outside. */
  heldArrivals = 0;
  unfinished = 0;
  readonly #lanes: readonly Lane[];
  readonly #seats: readonly Seat[];
  readonly #script: Script;
  readonly #endNs: number;
  #inFlight = 0;
  #busySinceNs: number = BEGIN_NS;
  #onceRun = 0;
  #events = 0;

  constructor(world: World, scenario: Scenario, feeders: readonly (readonly [Feeder, MappedDevice])[], rows?: RowSink) {
    this.world = world;
    this.paths = [...world.paths.values()].map(({ name, model }) => {
      const recorder = new PathRecorder(name, BEGIN_NS, scenario.bin, rows);
      model.ended = recorder.observe;
      return recorder;
    });
    this.failovers = new WaitingTimes(world);
    this.#lanes = [...new Set(feeders.map(([, device]) => device))].map((device) => new Lane(device));
    this.#seats = feeders.map(([feeder, device], number) => {
      return new Seat(feeder, this.#lanes.find((lane) => lane.device === device) as Lane, number, this.failovers);
    });
    this.#endNs = scenario.end === undefined ? Number.POSITIVE_INFINITY : BEGIN_NS + scenario.end;
    this.#script = new Script(world, scenario, {
      pathDown: (path) => {
        this.failovers.pathDown(path, (loss) => this.#lanes.reduce((sum, lane) => sum + lane.mark(loss), 0));
      },
      pathUp: (path) => this.failovers.pathUp(path),
    });
  }

  /** Steps of the script that the run did not live to see. */
  get unreachedSteps(): readonly number[] {
    return this.#script.unreached;
  }

  get feeders(): readonly Feeder[] {
    return this.#seats.map(({ feeder }) => feeder);
  }

  /** Ends when all that was submitted has ended, or at the scenario's end. Rejects with the signal's reason. */
  async run(options: RunOptions = {}): Promise<void> {
    for (;;) {
      const seat = this.#go();
      if (seat === OVER) break;
      if (seat === PAUSE) await this.#pause(options);
      else await seat.feeder.refill();
    }
    this.unfinished = this.#inFlight;
    this.failovers.finish();
  }

  /** Event after event, until a feeder is empty, promises may go on, or all is over. */
  #go(): Seat | typeof PAUSE | typeof OVER {
    const { time } = this.world;
    for (;;) {
      if (this.#onceRun !== time.onceRun || ++this.#events % EVENTS_A_LOOK === 0) return PAUSE;
      const seat = this.#nextSeat();
      if (seat?.feeder.isEmpty) return seat;
      if (this.#inFlight === 0 && this.#isFed()) return OVER;
      const stopNs = this.#inFlight === 0 ? this.#endNs : Math.min(this.#endNs, this.lastArrivalNs + GRACE_NS);
      const feedNs = seat === undefined ? Number.POSITIVE_INFINITY : seat.feeder.atNs;
      // what is due at the same time as the load goes first
      if (!time.stepUntil(Math.max(time.now(), Math.min(feedNs, stopNs)))) {
        if (seat === undefined || feedNs > stopNs) return OVER;
        this.#feed(seat);
      }
      this.#drain();
    }
  }

  #isFed(): boolean {
    for (const { feeder } of this.#seats) if (!feeder.isOver) return false;
    return true;
  }

  /** Whose turn comes next; one that knows nothing yet is asked first. */
  #nextSeat(): Seat | undefined {
    let next: Seat | undefined;
    for (const seat of this.#seats) {
      const { feeder } = seat;
      if (feeder.isEmpty) return seat;
      if (feeder.isOver || feeder.atNs === Number.POSITIVE_INFINITY || seat.isHeld) continue;
      if (next === undefined || feeder.atNs < next.feeder.atNs) next = seat;
    }
    return next;
  }

  #feed(seat: Seat): void {
    const { submitter } = seat.lane;
    if (seat.room === 0) {
      seat.isHeld = true;
      this.heldArrivals++;
      return;
    }
    const atNs = Math.max(seat.feeder.atNs, this.world.time.now());
    this.world.time.advanceTo(atNs);
    if (this.#inFlight === 0) this.#busySinceNs = atNs;
    const before = submitter.inFlight;
    seat.feeder.feed(atNs, seat);
    // only looked whether callers have rested
    if (submitter.inFlight === before) return;
    this.#inFlight += submitter.inFlight - before;
    if (this.#inFlight > this.inFlightMost) this.inFlightMost = this.#inFlight;
    this.lastArrivalNs = atNs;
    this.backlogAtLastArrival = this.#inFlight;
    submitter.drive();
  }

  #drain(): void {
    let ended = 0;
    for (const lane of this.#lanes) {
      const { submitter } = lane;
      if (submitter.endedCount > 0) {
        ended += submitter.endedCount;
        this.#take(lane);
      }
    }
    if (ended === 0) return;
    const nowNs = this.world.time.now();
    const { callers } = this;
    const stallNs = nowNs - Math.max(callers.lastEndNs, this.#busySinceNs);
    if (stallNs > callers.longestStallNs) {
      callers.longestStallNs = stallNs;
      callers.longestStallAtNs = nowNs;
    }
    callers.lastEndNs = nowNs;
    this.#inFlight -= ended;
    if (callers.ios >= this.#script.nextIos) this.#script.ended(callers.ios);
  }

  #take(lane: Lane): void {
    const nowNs = this.world.time.now();
    const { callers } = this;
    const { submitter, firstLosses } = lane;
    const count = submitter.endedCount;
    for (let i = 0; i < count; i++) {
      const index = submitter.endedIndexes[i] as number;
      const waitedNs = nowNs - (lane.arrivedNs[index] as number);
      callers.ended(lane.classes[index] as number, lane.bytes[index] as number, waitedNs, submitter.endedStatuses[i] as number);
      const loss = firstLosses[index] as number;
      if (loss !== 0) this.failovers.ended(loss, lane.lastLosses[index] as number, lane.lossesBefore[index] as number);
      firstLosses[index] = FREE;
      lane.free[lane.freeCount++] = index;
      const seat = this.#seats[lane.seats[index] as number] as Seat;
      seat.feeder.ended(nowNs, pauseOf(submitter.endedStatuses[i] as number, waitedNs));
    }
    submitter.endedCount = 0;
    for (const seat of this.#seats) if (seat.isHeld && seat.lane === lane) seat.isHeld = false;
  }

  /** Promises go on, and whoever shows progress. */
  async #pause({ signal, progress }: RunOptions): Promise<void> {
    this.#onceRun = this.world.time.onceRun;
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    for (const { submitter } of this.#lanes) submitter.assertAlive();
    if (this.#events % EVENTS_A_LOOK === 0) progress?.({ ios: this.callers.ios, virtualNs: this.world.time.now() - BEGIN_NS });
  }
}

function pauseOf(status: number, waitedNs: number): number {
  if (status !== 0) return AFTER_FAILURE_NS;
  return waitedNs === 0 ? AFTER_NOTHING_NS : 0;
}
