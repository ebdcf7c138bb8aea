// A target for the driven core that says what the test tells it to say, and writes down what it was asked.

import { END_DONE, MAP_REMAPPED } from '../../bindings/target/target.ts';
import type { Decision, Hooks } from './core-io.ts';

/** Answers to come, one for each call; then the usual ones. */
export interface Answers {
  readonly prepMap?: readonly number[];
  readonly map?: readonly number[];
  readonly endIoFirst?: readonly number[];
  readonly endIo?: readonly number[];
  /** Devices to choose; then the first one again. */
  readonly devices?: readonly number[];
}

export class Script implements Hooks {
  /** `prep_map 0+8`, `end_io 0+8 status 4`, … */
  readonly log: string[] = [];
  readonly ids: number[] = [];
  private readonly device: number;
  private readonly prepMaps: number[];
  private readonly maps: number[];
  private readonly endIoFirsts: number[];
  private readonly endIos: number[];
  private readonly devices: number[];

  constructor(device: number, { prepMap = [], map = [], endIoFirst = [], endIo = [], devices = [] }: Answers = {}) {
    this.device = device;
    this.prepMaps = [...prepMap];
    this.maps = [...map];
    this.endIoFirsts = [...endIoFirst];
    this.endIos = [...endIo];
    this.devices = [...devices];
  }

  /** What was asked since the last call. */
  asked(): string[] {
    return this.log.splice(0);
  }

  prepMap(io: Decision): number {
    this.note('prep_map', io, io.status);
    io.device = this.devices.shift() ?? this.device;
    return this.prepMaps.shift() ?? MAP_REMAPPED;
  }

  map(io: Decision): number {
    this.note('map', io, 0);
    return this.maps.shift() ?? MAP_REMAPPED;
  }

  endIoFirst(io: Decision): number {
    this.note('end_io_first', io, io.status);
    return this.endIoFirsts.shift() ?? io.status;
  }

  endIo(io: Decision): number {
    this.note('end_io', io, io.status);
    return this.endIos.shift() ?? END_DONE;
  }

  release(io: Decision): void {
    this.note('release', io, 0);
  }

  private note(hook: string, io: Decision, status: number): void {
    this.ids.push(io.id);
    this.log.push(`${hook} ${io.sector}+${io.sectors}${status ? ` status ${status}` : ''}`);
  }
}
