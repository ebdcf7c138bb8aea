// Target `passthrough`: the template. It does what `linear` does, with every hook of a target written out, so that a
// new target begins as a copy of this file.
//
//   passthrough <device> <start sector on the device>
//
//   0 2048 passthrough /data/disk.img 0
//
// How to make a target of your own
// --------------------------------
// 1. Copy this file, and give the type its own `name` and `version`.
// 2. Say in `mapping` what it can take. `bio`: pieces that are cut at its borders and at `ioSectorsMax`. `request`:
//    whole requests, after merging and sorting; such a table has one line. `hybrid`: both, as here; then the device
//    decides (its `type` option, or what it is already), and every hook must be right for both. `io.isBio` tells which.
// 3. Read the words in `construct`, through an ArgumentReader, so that mistakes name the word and its place. Throw
//    before you keep anything; open devices last, with `context.getDevice`.
// 4. Delete the hooks that you don't need. A hook that is missing costs nothing, one that is there is called for each
//    I/O. If only the place changes, delete them all and give `extents` instead, as `linear` does.
// 5. Register it: `mapper.registerTarget(yourTarget)`. Then its name works in every table.
// 6. Tests: hand its type and a line to the contract in test/contract/target.ts, and drive the object with the fakes of
//    test/support/target-context.ts; they count.
//
// Rules that hold for all hooks
// -----------------------------
// - They run between the stages of the core, for a whole batch, in order. They return at once: no await, no throw, no
//   I/O, and no allocation, because they run for every I/O.
// - `io` is one object that is filled again for the next I/O. Keep numbers from it, never the object.
// - What was counted in prepMap is taken back exactly once: in endIo if the I/O came back, in release if it never went.
// - A flush has no sectors, and its sector means nothing: don't translate it.
// - A device may be named twice in a table. Whatever you need to know about your choice later goes into `io.context`.

import { RqdmError } from '../../errors.ts';
import { ArgumentReader } from '../../table/arguments.ts';
import type { DeviceReference, PathLimits, Target, TargetContext, TargetIo, TargetType } from '../target.ts';
import { END_DONE, MAP_REMAPPED } from '../target.ts';

class Passthrough implements Target {
  private readonly context: TargetContext;
  private readonly device: DeviceReference;
  private readonly offset: number;
  /** What is added to a sector of the mapped device to get one of `device`. Worked out once, not for each I/O. */
  private readonly shift: number;
  private inFlight = 0;
  private errors = 0;
  private isSuspended = false;

  constructor(context: TargetContext, device: DeviceReference, offset: number) {
    this.context = context;
    this.device = device;
    this.offset = offset;
    this.shift = offset - context.beginSector;
    // The core pulls only as many requests as these devices have room for.
    context.publishDevices([device]);
  }

  // ---- the way down ----------------------------------------------------------------------

  /** Stage 5: which device. Charge the choice here. `io.status` is the first error of earlier attempts, 0 if none. */
  prepMap(io: TargetIo): number {
    io.device = this.device.id;
    this.inFlight += 1;
    return MAP_REMAPPED;
  }

  /** Stage 7: which sector of it. Without this hook the sector stays as it is. */
  map(io: TargetIo): number {
    if (io.sectors > 0) io.sector += this.shift;
    return MAP_REMAPPED;
  }

  // ---- the way up --------------------------------------------------------------------------

  /** Stage 9, on error only, before anybody is told: the status to go on with. */
  endIoFirst(io: TargetIo): number {
    this.errors += 1;
    return io.status;
  }

  /**
   * Stage 10. END_REQUEUE would ask prepMap again for what is left (for the whole bio on a bio-based device): for errors
   * of a path, when there is another.
   */
  endIo(_io: TargetIo): number {
    this.inFlight -= 1;
    return END_DONE;
  }

  /** The device had no room, prepMap will be asked again: take back what it charged. */
  release(_io: TargetIo): void {
    this.inFlight -= 1;
  }

  /** While true the core pulls no request. Only for what the core can't see: credits of devices it knows itself. */
  busy(): boolean {
    return false;
  }

  // ---- suspend and resume ------------------------------------------------------------------

  /** New I/O still comes. With `isNoflush`, what can't be sent waits for the next table; else it must end, one way or the other. */
  presuspend(_isNoflush: boolean): void {}

  presuspendUndo(): void {}

  /** Nothing is in flight any more. */
  postsuspend(): void {
    this.isSuspended = true;
  }

  /** Throw an RqdmError here to refuse. */
  preresume(): void {}

  resume(): void {
    this.isSuspended = false;
  }

  // ---- what users see ------------------------------------------------------------------------

  /** `table` must load again to the same target; print devices through `name`. */
  status(kind: 'info' | 'table', name: (device: DeviceReference) => string): string {
    return kind === 'info' ? `${this.inFlight} ${this.errors}` : `${name(this.device)} ${this.offset}`;
  }

  /** `dmsetup message NAME 0 reset_errors`. The text returned goes to the sender. */
  message(words: readonly string[]): string | undefined {
    if (words.length !== 1 || words[0] !== 'reset_errors') {
      throw new RqdmError(
        'ERR_RQDM_MESSAGE',
        `Unrecognised passthrough message received: ${words.join(' ')} (expected reset_errors)`,
      );
    }
    if (this.isSuspended) throw new RqdmError('ERR_RQDM_BUSY', `passthrough: ${this.context.deviceName} is suspended`);
    this.errors = 0;
    return undefined;
  }

  // ---- what the table needs --------------------------------------------------------------------

  /** Limits stacked from the devices: tighten them if the target can bear less. */
  limits(limits: PathLimits): PathLimits {
    return limits;
  }

  iterateDevices(visit: (device: DeviceReference, startSector: number, lengthSectors: number) => void): void {
    visit(this.device, this.offset, this.context.lengthSectors);
  }

  /** The table is gone. The devices are closed by the mapper; cancel timers here. */
  destroy(): void {}
}

export const passthroughTarget: TargetType = {
  name: 'passthrough',
  version: [1, 0, 0],
  mapping: 'hybrid',
  construct(words: readonly string[], context: TargetContext): Target {
    const reader = new ArgumentReader(words, context.line);
    if (words.length !== 2) {
      reader.fail('Invalid argument count', {
        index: Math.min(words.length, 2),
        detail: `expected 2 words (device, start sector), got ${words.length}`,
      });
    }
    const [word] = words as [string, string];
    reader.next('Invalid argument count');
    const offset = reader.sector('Invalid device sector');
    return new Passthrough(context, context.getDevice(word, 0, 'Device lookup failed'), offset);
  },
};
