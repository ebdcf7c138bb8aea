// `…?hang=NAME`: a path that stops answering at the turn of a switch in code, and goes on when it is turned back.
//
//   disk.img?hang=cable      mapper.hangs.get('cable').hang(): from now on calls are held
//                            mapper.hangs.get('cable').release(): they are performed and answered
//                            mapper.hangs.get('cable').release('transport'): they fail
//
// What is held has not begun: its payload is not touched, it is not performed twice, and nothing is lost. What was issued
// before is answered as it comes. One switch may serve several paths. Calls are released in the order in which they were
// issued to each path. Closing a path answers what it holds with STATUS_TIMEOUT at once, as nobody may ever turn the
// switch. (A thread that hangs in the middle of a call is another matter: see pool.ts.)

import { STATUS_TIMEOUT } from '../../../assembly/abi.ts';
import { RqdmError } from '../../errors.ts';
import { isErrorStatus, STATUS_NAMES, statusOfName } from '../errno.ts';
import { pairsOf } from '../operation.ts';
import type { PathSink } from '../path.ts';
import { type OpenInner, WrapperPath } from '../wrapper-path.ts';

interface HeldCall {
  readonly id: number;
  readonly operation: number;
  readonly position: number;
  readonly bytes: number;
  readonly address: number;
  readonly segments: number;
  readonly table: Uint32Array;
}

/** By which code holds the calls of paths, and lets them go. */
export class HangSwitch {
  #isHanging = false;
  readonly #paths = new Set<HangPath>();

  get isHanging(): boolean {
    return this.#isHanging;
  }

  /** Calls held now, of all its paths. */
  get held(): number {
    let sum = 0;
    for (const path of this.#paths) sum += path.held;
    return sum;
  }

  /** Calls issued from now on are held. */
  hang(): void {
    this.#isHanging = true;
  }

  /**
   * Performs what is held, or lets it end with `status`: a name as in error rules, or a `STATUS_*`. Throws
   * `ERR_RQDM_ARGUMENT` when there is no such status, and changes nothing.
   */
  release(status?: string | number): void {
    const number = typeof status === 'string' ? statusOfName(status) : status;
    if (status !== undefined && !isErrorStatus(number)) {
      throw new RqdmError('ERR_RQDM_ARGUMENT', `'${status}' is no status: expected one of ${STATUS_NAMES.join(', ')}`);
    }
    this.#isHanging = false;
    for (const path of [...this.#paths]) path.letGo(number);
  }

  attach(path: HangPath): void {
    this.#paths.add(path);
  }

  detach(path: HangPath): void {
    this.#paths.delete(path);
  }
}

/** The switches of a mapper by name. A switch may be asked for before any path has it. */
export class HangSwitches {
  readonly #switches = new Map<string, HangSwitch>();

  get(name: string): HangSwitch {
    let found = this.#switches.get(name);
    if (found === undefined) {
      found = new HangSwitch();
      this.#switches.set(name, found);
    }
    return found;
  }
}

export class HangPath extends WrapperPath {
  readonly #switch: HangSwitch;
  readonly #held: HeldCall[] = [];
  #isClosed = false;

  constructor(openInner: OpenInner, sink: PathSink, hangSwitch: HangSwitch) {
    super(openInner, sink);
    this.#switch = hangSwitch;
    hangSwitch.attach(this);
  }

  get held(): number {
    return this.#held.length;
  }

  override get inFlight(): number {
    return this.#held.length + this.inner.inFlight;
  }

  issue(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void {
    if (this.#switch.isHanging && !this.#isClosed) {
      // The table is valid during this call only.
      const table = segmentTable.slice(2 * segmentIndex, 2 * (segmentIndex + pairsOf(operation, segments)));
      this.#held.push({ id, operation, position, bytes, address, segments, table });
    } else {
      this.inner.issue(id, operation, position, bytes, address, segments, segmentTable, segmentIndex);
    }
  }

  /** Called by the switch. Without a status the calls are performed. */
  letGo(status: number | undefined): void {
    if (this.#held.length === 0) return;
    for (const { id, operation, position, bytes, address, segments, table } of this.#held.splice(0)) {
      if (status === undefined) this.inner.issue(id, operation, position, bytes, address, segments, table, 0);
      else this.sink.answer(id, status, 0);
    }
    if (status === undefined) this.inner.kick();
    this.sink.wake();
  }

  override close(graceMs?: number): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#switch.detach(this);
      this.letGo(STATUS_TIMEOUT);
    }
    return this.inner.close(graceMs);
  }
}
