// Who is called what: names, uuids and minor numbers of mapped devices, each taken once.
import { RqdmError } from '../errors.ts';

const NAME_BYTES_MAX = 127;
const UUID_BYTES_MAX = 128;
const MINORS: number = 2 ** 20;
const MAPPER_FOLDER = '/dev/mapper/';
const NODE = /^\/dev\/dm-(0|[1-9][0-9]*)$/;
export const MAPPED_MAJOR = 253;

/** What is found under a name. */
export interface Named {
  readonly name: string;
  readonly uuid: string;
  readonly minor: number;
}

export class Names<T extends Named> {
  readonly #byName: Map<string, T> = new Map();
  readonly #byUuid: Map<string, T> = new Map();
  readonly #byMinor: Map<number, T | undefined> = new Map();
  #made = 0;

  /** Throws unless a new device may be called so. An empty uuid is none. */
  checkFree(name: string, uuid: string): void {
    checkName(name);
    checkUuid(uuid);
    if (this.#byName.has(name)) {
      throw new RqdmError('ERR_RQDM_EXISTS', `a device named "${name}" exists already`, { errno: 'EBUSY' });
    }
    if (uuid !== '' && this.#byUuid.has(uuid)) {
      throw new RqdmError('ERR_RQDM_EXISTS', `a device with the uuid "${uuid}" exists already`, { errno: 'EBUSY' });
    }
  }

  /** Takes `minor`, or the lowest that is free. */
  takeMinor(minor: number | undefined): number {
    let taken = minor ?? 0;
    if (minor === undefined) while (this.#byMinor.has(taken)) taken++;
    if (!Number.isInteger(taken) || taken < 0 || taken >= MINORS) {
      throw new RqdmError('ERR_RQDM_MINOR', `minor is ${taken}: expected a whole number from 0 to ${MINORS - 1}`, {
        errno: 'EINVAL',
      });
    }
    if (this.#byMinor.has(taken)) {
      // what a kernel answers here, and not EBUSY
      throw new RqdmError('ERR_RQDM_EXISTS', `minor ${taken} is taken already`, { errno: 'ENXIO' });
    }
    this.#byMinor.set(taken, undefined);
    return taken;
  }

  freeMinor(minor: number): void {
    this.#byMinor.delete(minor);
  }

  add(device: T): void {
    this.#byName.set(device.name, device);
    if (device.uuid !== '') this.#byUuid.set(device.uuid, device);
    this.#byMinor.set(device.minor, device);
  }

  /** Name and uuid are free again; the number stays taken until `freeMinor`. */
  remove(device: T): void {
    if (this.#byName.get(device.name) === device) this.#byName.delete(device.name);
    if (this.#byUuid.get(device.uuid) === device) this.#byUuid.delete(device.uuid);
    if (this.#byMinor.get(device.minor) === device) this.#byMinor.set(device.minor, undefined);
  }

  /** By name, uuid, `MAJOR:MINOR`, `/dev/mapper/NAME` or `/dev/dm-MINOR`. */
  find(word: string): T | undefined {
    return this.#byName.get(word) ?? this.#findNode(word) ?? this.#byUuid.get(word) ?? this.#findNumber(word);
  }

  #findNode(word: string): T | undefined {
    const minor = NODE.exec(word)?.[1];
    if (minor !== undefined) return this.#byMinor.get(Number(minor));
    if (!word.startsWith(MAPPER_FOLDER)) return undefined;
    const name = word.slice(MAPPER_FOLDER.length);
    // a node's name has \xHH for what udev would not take
    const plain = name.replace(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    return this.#byName.get(name) ?? this.#byName.get(plain);
  }

  #findNumber(word: string): T | undefined {
    const [major, minor] = word.split(':');
    return major === `${MAPPED_MAJOR}` && /^\d+$/.test(minor ?? '') ? this.#byMinor.get(Number(minor)) : undefined;
  }

  /** In byte order of the names. */
  list(): T[] {
    return [...this.#byName.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  /** A name that nobody has. */
  freeName(): string {
    while (this.#byName.has(`rqdm${this.#made}`)) this.#made++;
    return `rqdm${this.#made++}`;
  }

  /**
   * May `device` be called `name` from now on? Throws with the kernel's words, which are also what it logs (without
   * `device-mapper: `).
   */
  checkRename(device: T, name: string): void {
    if (name === '' || Buffer.byteLength(name) > NAME_BYTES_MAX) throw badString('ERR_RQDM_NAME');
    checkName(name);
    if (!this.#byName.has(name)) return;
    const text = `Unable to change name on mapped device ${device.name} to one that already exists: ${name}`;
    throw new RqdmError('ERR_RQDM_EXISTS', text, { errno: 'EBUSY' });
  }

  checkSetUuid(device: T, uuid: string): void {
    if (uuid === '' || Buffer.byteLength(uuid) > UUID_BYTES_MAX) throw badString('ERR_RQDM_NAME');
    if (this.#byUuid.has(uuid) && device.uuid === '') {
      const text = `Unable to change uuid on mapped device ${device.name} to one that already exists: ${uuid}`;
      throw new RqdmError('ERR_RQDM_EXISTS', text, { errno: 'EBUSY' });
    }
    if (device.uuid === '') return;
    const text = `Unable to change uuid of mapped device ${device.name} to ${uuid} because uuid is already set to ${device.uuid}`;
    throw new RqdmError('ERR_RQDM_EXISTS', text, { errno: 'EINVAL' });
  }
}

function badString(code: string): RqdmError {
  return new RqdmError(code, 'Invalid new mapped device name or uuid string supplied.', { errno: 'EINVAL' });
}

function checkName(name: string): void {
  const isBad = name === '' || Buffer.byteLength(name) > NAME_BYTES_MAX || name.includes('/');
  if (!isBad) return;
  throw new RqdmError(
    'ERR_RQDM_NAME',
    `${JSON.stringify(name)} cannot name a device: expected 1 to ${NAME_BYTES_MAX} bytes without "/"`,
    { errno: 'EINVAL' },
  );
}

function checkUuid(uuid: string): void {
  if (Buffer.byteLength(uuid) <= UUID_BYTES_MAX) return;
  throw new RqdmError('ERR_RQDM_NAME', `a uuid of ${Buffer.byteLength(uuid)} bytes: expected at most ${UUID_BYTES_MAX}`, {
    errno: 'EINVAL',
  });
}
