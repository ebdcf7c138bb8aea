// The folder that stands for /sys, /dev and the control files of null block devices: kept in step with the server both ways.
// What the script has written since the last look is obeyed; then every file gets what the server says.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ControlClient } from '../../src/control/client.ts';
import type { BlockAttributesReply, ControlError } from '../../src/control/protocol.ts';

/** Files of a device that the script may write. */
const WRITABLE =
  /^(queue\/(iosched\/.*|scheduler|nr_requests|nomerges|max_sectors_kb|write_cache|rotational|discard_max_bytes|iostats|add_random|rq_affinity|read_ahead_kb|wbt_lat_usec)|dm\/rq_based_seq_io_merge_deadline)$/;

/** A setting of all multipath maps that the kernel has as a parameter of its module. */
const PARAMETER = 'sys/module/dm_multipath/parameters/queue_if_no_path_timeout_secs';

/** What became of a write: the name of an error, or nothing. */
export type Refusal = string | undefined;

export class AttributeTree {
  readonly root: string;
  readonly #client: ControlClient;
  /** Files of devices as last written, by their names below the root. */
  readonly #files: Map<string, string> = new Map();
  /** What the name of each file stands for. */
  readonly #attributes: Map<string, { readonly block: string; readonly attribute: string }> = new Map();
  /** What was refused before whoever wrote it could be told. */
  readonly #refused: Map<string, string> = new Map();
  #parameter = '';
  readonly #folders: Set<string> = new Set();
  readonly #nodes: Map<string, string> = new Map();

  constructor(root: string, client: ControlClient) {
    this.root = root;
    this.#client = client;
    for (const folder of ['sys/block', 'sys/class/block', 'sys/dev/block', 'dev/mapper']) {
      mkdirSync(join(root, folder), { recursive: true });
    }
    writeFileSync(join(root, 'dev/mapper/control'), '');
    mkdirSync(join(root, dirname(PARAMETER)), { recursive: true });
  }

  /** The script's writes, then what the server says. */
  async keepInStep(): Promise<void> {
    await this.obey();
    await this.show();
  }

  /** What has been written is set. */
  async obey(): Promise<void> {
    const parameter = read(join(this.root, PARAMETER));
    if (parameter !== undefined && parameter !== this.#parameter && /^\d+\n?$/.test(parameter)) {
      await this.#client.request('parameter', { name: basename(PARAMETER), value: Number(parameter) });
    }
    for (const [file, { block, attribute }] of this.#attributes) {
      if (!WRITABLE.test(attribute)) continue;
      const text = read(join(this.root, file));
      if (text === undefined || text === this.#files.get(file)) continue;
      const refusal = await this.#set(file, block, attribute, text);
      if (refusal !== undefined) this.#refused.set(file, refusal);
    }
  }

  /** The file at `path` has been written; resolves with the error that the kernel would answer. */
  async wrote(path: string): Promise<Refusal> {
    const file = path.slice(this.root.length + 1);
    const known = this.#attributes.get(file);
    if (known === undefined) {
      // the kernel makes no file there
      if (!file.startsWith('sys/block/')) return undefined;
      rmSync(path, { force: true });
      return 'EACCES';
    }
    const text = read(path) ?? '';
    const before = this.#refused.get(file);
    this.#refused.delete(file);
    const refusal = text === this.#files.get(file) ? before : await this.#set(file, known.block, known.attribute, text);
    await this.show();
    return refusal;
  }

  async #set(file: string, block: string, attribute: string, text: string): Promise<Refusal> {
    // whatever comes of it, the file is shown anew
    this.#files.set(file, text);
    try {
      await this.#client.request('set_block_attribute', { block, attribute, value: text.replace(/\n$/, '') });
      return undefined;
    } catch (error) {
      return (error as ControlError).errno;
    }
  }

  async show(): Promise<void> {
    const { devices } = await this.#client.request<BlockAttributesReply>('block_attributes');
    const { value } = await this.#client.request<{ value: number }>('parameter', { name: basename(PARAMETER) });
    if (this.#parameter !== `${value}\n`) {
      this.#parameter = `${value}\n`;
      writeFileSync(join(this.root, PARAMETER), this.#parameter);
    }
    const files = new Set<string>();
    const folders = new Set<string>();
    const nodes = new Map<string, string>();
    for (const { blockName, number, mappedName, attributes } of devices) {
      if (!this.#folders.has(`sys/block/${blockName}`)) await this.#order(blockName);
      folders.add(`sys/block/${blockName}`);
      for (const [attribute, text] of Object.entries(attributes)) {
        const name = `sys/block/${blockName}/${attribute}`;
        if (attribute.endsWith('/')) {
          folders.add(name.slice(0, -1));
        } else {
          files.add(name);
          this.#attributes.set(name, { block: blockName, attribute });
          this.#write(name, `${text}\n`);
        }
      }
      nodes.set(`dev/${blockName}`, '');
      nodes.set(`sys/class/block/${blockName}`, `../../block/${blockName}`);
      nodes.set(`sys/dev/block/${number}`, `../../block/${blockName}`);
      if (mappedName !== undefined) nodes.set(`dev/mapper/${mappedName}`, `../${blockName}`);
    }
    for (const folder of folders) {
      if (!this.#folders.has(folder)) mkdirSync(join(this.root, folder), { recursive: true });
      this.#folders.add(folder);
    }
    this.#removeOthers(files, folders);
    this.#showNodes(nodes);
  }

  /** A new device does one thing after the other, as the kernel does with devices that answer at once. */
  async #order(block: string): Promise<void> {
    await this.#client.request('set_block_attribute', { block, attribute: 'queue/issue_in_turn', value: '1' });
  }

  #write(name: string, text: string): void {
    const path = join(this.root, name);
    if (this.#files.get(name) === text && existsSync(path)) return;
    if (!this.#files.has(name)) mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    this.#files.set(name, text);
  }

  #removeOthers(files: ReadonlySet<string>, folders: ReadonlySet<string>): void {
    for (const name of this.#files.keys()) {
      if (files.has(name)) continue;
      rmSync(join(this.root, name), { force: true });
      this.#files.delete(name);
      this.#attributes.delete(name);
    }
    for (const folder of this.#folders) {
      if (folders.has(folder)) continue;
      rmSync(join(this.root, folder), { recursive: true, force: true });
      this.#folders.delete(folder);
    }
    for (const folder of this.#schedulerFolders()) {
      if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
    }
  }

  #schedulerFolders(): string[] {
    const blocks = [...this.#folders].filter((folder) => /^sys\/block\/[^/]+$/.test(folder));
    return blocks.map((folder) => join(this.root, folder, 'queue/iosched')).filter((folder) => existsSync(folder));
  }

  #showNodes(nodes: ReadonlyMap<string, string>): void {
    for (const [name, to] of this.#nodes) {
      if (nodes.get(name) === to) continue;
      rmSync(join(this.root, name), { force: true });
      this.#nodes.delete(name);
    }
    for (const [name, to] of nodes) {
      if (this.#nodes.has(name)) continue;
      const path = join(this.root, name);
      if (to === '') writeFileSync(path, '');
      else if (!isThere(path)) symlinkSync(to, path);
      this.#nodes.set(name, to);
    }
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
