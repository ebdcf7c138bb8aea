// What a verb works with: its words and switches, where its output goes, and the kernel it asks, which here is the server
// behind the control socket.

import { ControlError, type DeviceInformation, type DeviceKey } from '../control/protocol.ts';
import { IoctlError, type IoctlSubject, KernelToolError } from './failure.ts';
import { deviceOfWord, type Mangling, unmangle } from './names.ts';
import type { Switches } from './options.ts';

/** What the program has of the world around it. */
export interface Surroundings {
  /** Results. Kept until the command ends unless a terminal reads them. */
  print(text: string): void;
  /** What goes wrong; a line, its end not included. */
  complain(line: string): void;
  readStandardInput(): Promise<string>;
  /** Rejects with an error of the system. */
  readFile(name: string): Promise<string>;
  /** The server. */
  connect(): Promise<Kernel>;
  /** Shows what has been printed so far. */
  show(): void;
  /** Columns of the terminal that reads the output; undefined if none does. */
  readonly columns: number | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** Who answers requests. */
export interface Kernel {
  request<T>(op: string, fields?: Readonly<Record<string, unknown>>): Promise<T>;
  close(): void;
}

/** A device that a command is about: as the kernel is asked for it, and the path that named it, if one did. */
export type Asked = DeviceKey & { readonly path?: string };

export class Call {
  readonly switches: Switches;
  /** The words after the command's. */
  readonly words: readonly string[];
  readonly mangling: Mangling;
  readonly #surroundings: Surroundings;
  readonly #connect: () => Promise<Kernel>;
  #kernel: Promise<Kernel> | undefined;

  /** `kernel` where another call has connected already, and ends the connection. */
  constructor(
    surroundings: Surroundings,
    switches: Switches,
    words: readonly string[],
    mangling: Mangling,
    kernel?: () => Promise<Kernel>,
  ) {
    this.#connect = kernel ?? (() => surroundings.connect());
    this.#surroundings = surroundings;
    this.switches = switches;
    this.words = words;
    this.mangling = mangling;
  }

  get surroundings(): Surroundings {
    return this.#surroundings;
  }

  print(text: string): void {
    this.#surroundings.print(text);
  }

  complain(line: string): void {
    this.#surroundings.complain(line);
  }

  has(name: string): boolean {
    return this.switches.has(name);
  }

  get isVerbose(): boolean {
    return this.has('verbose');
  }

  /** A request about no device, or about the one in `subject`, which messages name. `what` is the ioctl's name in them. */
  async ask<T>(op: string, what: string, fields: object, subject: IoctlSubject = {}): Promise<T> {
    try {
      return await (await this.kernel()).request<T>(op, fields as Record<string, unknown>);
    } catch (error) {
      if (error instanceof ControlError) throw new IoctlError(what, subject, error.errno);
      throw error;
    }
  }

  /** A request about a device. */
  async askOf<T>(op: string, what: string, asked: Asked, fields: object = {}): Promise<T> {
    const { path, ...device } = asked;
    try {
      return await this.ask<T>(op, what, { device, ...fields }, device);
    } catch (error) {
      // a device without a node is not even asked for
      const isMissing = error instanceof IoctlError && error.errno === 'ENXIO' && path !== undefined;
      throw isMissing ? new KernelToolError(`Device ${path} not found`) : error;
    }
  }

  kernel(): Promise<Kernel> {
    this.#kernel ??= this.#connect();
    return this.#kernel;
  }

  async end(): Promise<void> {
    if (this.#kernel === undefined) return;
    const kernel = await this.#kernel.catch(() => undefined);
    kernel?.close();
  }

  /** The device that `word` names, or that the switches do; undefined if nobody names one. */
  device(word: string | undefined): Asked | undefined {
    if (word !== undefined) return deviceOfWord(word, this.mangling);
    const uuid = this.switches.value('uuid');
    if (uuid !== undefined) return { uuid };
    if (this.has('major') && this.has('minor')) {
      return { number: `${Number.parseInt(this.switches.value('major') ?? '', 10)}:${this.minor ?? 0}` };
    }
    return undefined;
  }

  needDevice(word: string | undefined): Asked {
    const device = this.device(word);
    if (device === undefined) throw new KernelToolError('No device specified.');
    return device;
  }

  /** Is a device named by a switch, so that no word does? */
  get isDeviceInSwitches(): boolean {
    return this.has('uuid') || (this.has('major') && this.has('minor'));
  }

  get minor(): number | undefined {
    const text = this.switches.value('minor');
    return text === undefined ? undefined : Math.max(0, Number.parseInt(text, 10) || 0);
  }

  /** All devices, in the order of their names. */
  async devices(): Promise<DeviceInformation[]> {
    const { devices } = await this.ask<{ devices: DeviceInformation[] }>('list', 'names', {});
    for (const { name } of devices) unmangle(name, this.mangling);
    return devices;
  }

  /** A device's name as users see it. */
  shownName(device: { readonly name: string }): string {
    return unmangle(device.name, this.mangling);
  }

  shownUuid(device: { readonly uuid: string }): string {
    return unmangle(device.uuid, this.mangling, 'UUID');
  }
}
