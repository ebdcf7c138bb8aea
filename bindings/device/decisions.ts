// Stages 5, 7, 9 and 10 on the host's side: the hooks of targets over a batch of decisions.
//
// The core has written a record for each decision; one flyweight view walks over them, the target's
// hook writes its verdict into the record. Nothing is allocated for an I/O. A hook that throws or
// answers outside its set kills that I/O, and the failure names the target.
import {
  DECISION_BYTES,
  DECISION_CONTEXT,
  DECISION_DEVICE,
  DECISION_ID,
  DECISION_ISSUED_AT,
  DECISION_OPERATION,
  DECISION_SECTOR,
  DECISION_SECTORS,
  DECISION_STATUS,
  DECISION_TARGET,
  DECISION_VERDICT,
  END_DELAY_REQUEUE,
  END_DONE,
  END_KILL,
  HEADER_DECISION_CAPACITY,
  HEADER_END_IO,
  HEADER_END_IO_FIRST,
  HEADER_MAP,
  HEADER_PREP_MAP,
  HEADER_RELEASE,
  HEADER_TOLD,
  ID_BIO,
  MAP_KILL,
  MAP_REMAPPED,
  STATUS_IOERR,
} from '../../assembly/abi.ts';
import type { Core } from '../core/core.ts';
import { RqdmError } from '../errors.ts';
import type { Target, TargetIo } from '../target/target.ts';

const WORDS = DECISION_BYTES / 4;
const DOUBLES = DECISION_BYTES / 8;

/** Whose target it is. */
interface TargetOwner {
  readonly deviceName: string;
  misbehaved(error: RqdmError): void;
}

/** A target instance as the pump knows it, by the number that extents carry. A class: what is read for each I/O lies in fields. */
export class TargetSlot {
  readonly target: Target;
  readonly name: string;
  /** By device id: 1 for the devices of the target's own table. */
  readonly below: Uint8Array;
  readonly #owner: TargetOwner;

  constructor(target: Target, name: string, below: Uint8Array, owner: TargetOwner) {
    this.target = target;
    this.name = name;
    this.below = below;
    this.#owner = owner;
  }

  get deviceName(): string {
    return this.#owner.deviceName;
  }

  /** A hook of this target misbehaved. */
  misbehaved(error: RqdmError): void {
    this.#owner.misbehaved(error);
  }
}

class DecisionView implements TargetIo {
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  word = 0;
  double = 0;
  nowNs = 0;

  constructor(words: Uint32Array, doubles: Float64Array) {
    this.words = words;
    this.doubles = doubles;
  }

  get id(): number {
    return this.words[this.word + DECISION_ID] as number;
  }
  get operation(): number {
    return (this.words[this.word + DECISION_OPERATION] as number) & 0xff;
  }
  get flags(): number {
    return (this.words[this.word + DECISION_OPERATION] as number) >>> 8;
  }
  get sector(): number {
    return this.doubles[this.double + DECISION_SECTOR] as number;
  }
  set sector(value: number) {
    this.doubles[this.double + DECISION_SECTOR] = value;
  }
  get sectors(): number {
    return this.words[this.word + DECISION_SECTORS] as number;
  }
  get bytes(): number {
    return (this.words[this.word + DECISION_SECTORS] as number) * 512;
  }
  get status(): number {
    return this.words[this.word + DECISION_STATUS] as number;
  }
  get device(): number {
    return this.words[this.word + DECISION_DEVICE] as number;
  }
  set device(value: number) {
    this.words[this.word + DECISION_DEVICE] = value;
  }
  get context(): number {
    return this.words[this.word + DECISION_CONTEXT] as number;
  }
  set context(value: number) {
    this.words[this.word + DECISION_CONTEXT] = value;
  }
  get issuedAtNs(): number {
    return this.doubles[this.double + DECISION_ISSUED_AT] as number;
  }
  get isBio(): boolean {
    return (this.id & ID_BIO) !== 0;
  }
}

/** A hook's ring: its records, their number, the view. */
class Ring {
  readonly header: Uint32Array;
  readonly countWord: number;
  readonly view: DecisionView;

  constructor(core: Core, addressWord: number) {
    this.header = core.header;
    this.countWord = addressWord + 1;
    const records = (core.header[HEADER_DECISION_CAPACITY] as number) * (addressWord === HEADER_RELEASE ? 2 : 1);
    this.view = new DecisionView(
      core.ringWords(addressWord, records, DECISION_BYTES),
      core.ringDoubles(addressWord, records, DECISION_BYTES),
    );
  }

  get count(): number {
    return this.header[this.countWord] as number;
  }
}

export class Decisions {
  readonly #slots: (TargetSlot | undefined)[];
  readonly #clock: Float64Array;
  readonly #release: Ring;
  readonly #told: Ring;
  readonly #endIoFirst: Ring;
  readonly #endIo: Ring;
  readonly #prepMap: Ring;
  readonly #map: Ring;

  constructor(core: Core, slots: (TargetSlot | undefined)[]) {
    this.#slots = slots;
    this.#clock = core.clock;
    this.#release = new Ring(core, HEADER_RELEASE);
    this.#told = new Ring(core, HEADER_TOLD);
    this.#endIoFirst = new Ring(core, HEADER_END_IO_FIRST);
    this.#endIo = new Ring(core, HEADER_END_IO);
    this.#prepMap = new Ring(core, HEADER_PREP_MAP);
    this.#map = new Ring(core, HEADER_MAP);
  }

  /** Choices that could not be carried out. The core forgets them at the next run. */
  release(): void {
    const { view, count } = this.#release;
    view.nowNs = this.#clock[0] as number;
    for (let i = 0; i < count; i++) {
      const slot = this.#at(view, i);
      try {
        slot.target.release?.(view);
      } catch (error) {
        misbehaves(slot, 'release', error);
      }
    }
  }

  /** Ends of which endIo is only told. */
  told(): void {
    const { view, count } = this.#told;
    view.nowNs = this.#clock[0] as number;
    for (let i = 0; i < count; i++) {
      const slot = this.#at(view, i);
      try {
        const said: unknown = (slot.target as Required<Target>).endIo(view);
        if (said !== END_DONE) misbehaves(slot, 'endIo', said, 'END_DONE, as isEndIoTold says');
      } catch (error) {
        misbehaves(slot, 'endIo', error);
      }
    }
  }

  endIoFirst(): void {
    const { view, count } = this.#endIoFirst;
    view.nowNs = this.#clock[0] as number;
    for (let i = 0; i < count; i++) {
      const slot = this.#at(view, i);
      let status = STATUS_IOERR as number;
      try {
        const said: unknown = slot.target.endIoFirst?.(view);
        if (isWhole(said, 255)) status = said;
        else misbehaves(slot, 'endIoFirst', said, 'a status (a whole number from 0 to 255)');
      } catch (error) {
        misbehaves(slot, 'endIoFirst', error);
      }
      view.words[view.word + DECISION_STATUS] = status;
    }
  }

  endIo(): void {
    const { view, count } = this.#endIo;
    const { words } = view;
    view.nowNs = this.#clock[0] as number;
    for (let i = 0; i < count; i++) {
      const slot = this.#at(view, i);
      let verdict = END_KILL as number;
      try {
        const said: unknown = (slot.target as Required<Target>).endIo(view);
        if (isWhole(said, END_DELAY_REQUEUE)) verdict = said;
        else misbehaves(slot, 'endIo', said, 'END_DONE, END_INCOMPLETE, END_REQUEUE or END_DELAY_REQUEUE');
      } catch (error) {
        misbehaves(slot, 'endIo', error);
      }
      words[view.word + DECISION_VERDICT] = verdict;
    }
  }

  prepMap(): void {
    const { view, count } = this.#prepMap;
    const { words } = view;
    view.nowNs = this.#clock[0] as number;
    for (let i = 0; i < count; i++) {
      const slot = this.#at(view, i);
      let verdict = MAP_KILL as number;
      try {
        const said: unknown = (slot.target as Required<Target>).prepMap(view);
        if (said === MAP_REMAPPED && slot.below[view.device] !== 1) misbehaves(slot, 'prepMap', view.device, DEVICE_BELOW);
        else if (isWhole(said, MAP_KILL)) verdict = said;
        else misbehaves(slot, 'prepMap', said, MAP_VERDICTS);
      } catch (error) {
        misbehaves(slot, 'prepMap', error);
      }
      words[view.word + DECISION_VERDICT] = verdict;
    }
  }

  map(): void {
    const { view, count } = this.#map;
    view.nowNs = this.#clock[0] as number;
    for (let i = 0; i < count; i++) {
      const slot = this.#at(view, i);
      let verdict = MAP_KILL as number;
      const { device } = view;
      try {
        const said: unknown = slot.target.map?.(view);
        if (!isWhole(said, MAP_KILL)) misbehaves(slot, 'map', said, MAP_VERDICTS);
        else if (said !== MAP_REMAPPED) verdict = said;
        else if (view.device !== device) misbehaves(slot, 'map', `device ${view.device}`, `device ${device}, as prepMap chose`);
        else if (isSector(view.sector)) verdict = said;
        else misbehaves(slot, 'map', `sector ${view.sector}`, 'a whole number from 0 on');
      } catch (error) {
        misbehaves(slot, 'map', error);
      }
      view.words[view.word + DECISION_VERDICT] = verdict;
    }
  }

  #at(view: DecisionView, index: number): TargetSlot {
    view.word = index * WORDS;
    view.double = index * DOUBLES;
    return this.#slots[view.words[view.word + DECISION_TARGET] as number] as TargetSlot;
  }
}

const MAP_VERDICTS = 'MAP_REMAPPED, MAP_SUBMITTED, MAP_REQUEUE, MAP_DELAY_REQUEUE or MAP_KILL';

const DEVICE_BELOW = 'the id of a device that its own table names';

function isSector(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === 'number' && value >= 0 && value <= most && (value | 0) === value;
}

function misbehaves(slot: TargetSlot, hook: string, said: unknown, expected?: string): void {
  const who = `target ${slot.name} of ${slot.deviceName}: hook ${hook}`;
  if (expected === undefined) {
    const text = said instanceof Error ? said.message : String(said);
    slot.misbehaved(new RqdmError('ERR_RQDM_HOOK', `${who} threw: ${text}`, { cause: said }));
    return;
  }
  let what = String(said);
  if (said instanceof Promise || (typeof said === 'object' && said !== null && 'then' in said)) {
    what = 'a promise';
    // nobody else waits for it: its rejection must not end the process
    void Promise.resolve(said).catch(() => {});
  }
  slot.misbehaved(new RqdmError('ERR_RQDM_HOOK', `${who} returned ${what}: expected ${expected}`));
}
