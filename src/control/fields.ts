// The fields of a request, read with their types: whatever a client sends, an operation gets what it expects or the client
// an EINVAL that names the field.

import { ControlError, type DeviceKey } from './protocol.ts';

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string {
    const text = this.optionalText(name);
    if (text === undefined) throw wrong(name, 'a string', undefined);
    return text;
  }

  optionalText(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined || typeof value === 'string') return value;
    throw wrong(name, 'a string', value);
  }

  texts(name: string): string[] {
    const value = this.#get(name);
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value as string[];
    throw wrong(name, 'a list of strings', value);
  }

  /** False where absent. */
  flag(name: string): boolean {
    const value = this.#get(name);
    if (value === undefined) return false;
    if (typeof value === 'boolean') return value;
    throw wrong(name, 'true or false', value);
  }

  /** A whole number from 0 on. */
  optionalNumber(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw wrong(name, 'a whole number from 0 on', value);
  }

  /** An object of numbers, such as limits. */
  optionalNumbers(name: string): Record<string, number> | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (isObject(value) && Object.values(value).every((one) => typeof one === 'number')) return value as Record<string, number>;
    throw wrong(name, 'an object of numbers', value);
  }

  device(): DeviceKey {
    const value = this.#get('device');
    if (isObject(value)) {
      const key = new Fields(value);
      const [name, uuid, number] = [key.optionalText('name'), key.optionalText('uuid'), key.optionalText('number')];
      if (name !== undefined) return { name };
      if (uuid !== undefined) return { uuid };
      if (number !== undefined) return { number };
    }
    throw wrong('device', 'an object with name, uuid or number', value);
  }

  #get(name: string): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return value === null ? undefined : value;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(name: string, expected: string, value: unknown): ControlError {
  return new ControlError('EINVAL', `${name}: expected ${expected}, got ${shown(value)}`);
}

const SHOWN_LENGTH_MAX = 60;

/** Enough of a value to be known again. Lists and objects may be deeper than a stack, so they are not written out. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value))
    return `an object with ${Object.keys(value).slice(0, 3).join(', ') || 'nothing'}`.slice(0, SHOWN_LENGTH_MAX);
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, SHOWN_LENGTH_MAX) : value);
  return text.slice(0, SHOWN_LENGTH_MAX);
}
