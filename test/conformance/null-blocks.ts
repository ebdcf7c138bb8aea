// Null block devices as configfs has them: a folder each below sys/kernel/config/nullb, a file an attribute. One with power
// is a node of the server; how it answers is a matter of its backing word.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlClient } from '../../src/control/client.ts';

const FOLDER = 'sys/kernel/config/nullb';
const MAJOR = 252;

const DEFAULTS: Readonly<Record<string, string>> = {
  badblocks: '',
  blocking: '0',
  blocksize: '512',
  cache_size: '0',
  completion_nsec: '10000',
  discard: '0',
  home_node: '-1',
  hw_queue_depth: '64',
  index: '0',
  irqmode: '1',
  max_sectors: '0',
  mbps: '0',
  memory_backed: '0',
  poll_queues: '0',
  power: '0',
  queue_mode: '2',
  size: '256000',
  submit_queues: '1',
  use_per_node_hctx: '0',
  virt_boundary: '0',
  zoned: '0',
};

interface NullBlock {
  /** Attributes as last seen. */
  readonly values: Map<string, string>;
  minor: number | undefined;
  /** First and last sector of each bad stretch, in order. */
  bad: [number, number][];
}

export class NullBlocks {
  readonly #root: string;
  readonly #client: ControlClient;
  readonly #blocks: Map<string, NullBlock> = new Map();

  constructor(root: string, client: ControlClient) {
    this.#root = root;
    this.#client = client;
    mkdirSync(join(root, FOLDER), { recursive: true });
  }

  /** Folders that the script has made, files that it has written. */
  async keepInStep(): Promise<void> {
    for (const name of readdirSync(join(this.#root, FOLDER))) {
      if (!this.#blocks.has(name)) this.#add(name);
      for (const attribute of Object.keys(DEFAULTS)) await this.#look(name, attribute);
    }
    for (const name of this.#blocks.keys()) {
      if (!existsSync(join(this.#root, FOLDER, name))) await this.remove(name);
    }
  }

  /** `nb NAME key=value…`: false names the first value that was refused. */
  async make(name: string, values: readonly string[]): Promise<string[]> {
    mkdirSync(join(this.#root, FOLDER, name), { recursive: true });
    this.#add(name);
    const refused: string[] = [];
    for (const value of [...values, 'power=1']) {
      const [key = '', text = ''] = value.split('=');
      if (!(key in DEFAULTS)) {
        refused.push(value);
        continue;
      }
      writeFileSync(this.#file(name, key), `${text}\n`);
      if (!(await this.#look(name, key))) refused.push(value);
    }
    return refused;
  }

  /** A file below the folder has been written; false: refused. */
  async wrote(path: string): Promise<boolean | undefined> {
    const [, name, attribute] = /\/sys\/kernel\/config\/nullb\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (name === undefined || attribute === undefined) return undefined;
    if (!this.#blocks.has(name)) this.#add(name);
    return attribute in DEFAULTS ? this.#look(name, attribute) : undefined;
  }

  async remove(name: string): Promise<void> {
    const block = this.#blocks.get(name);
    if (block?.minor !== undefined) await this.#client.request('detach', { node: `/dev/${name}` });
    this.#blocks.delete(name);
    rmSync(join(this.#root, FOLDER, name), { recursive: true, force: true });
  }

  #file(name: string, attribute: string): string {
    return join(this.#root, FOLDER, name, attribute);
  }

  #add(name: string): void {
    const values = new Map(Object.entries(DEFAULTS));
    this.#blocks.set(name, { values, minor: undefined, bad: [] });
    for (const [attribute, text] of values) {
      if (!existsSync(this.#file(name, attribute))) writeFileSync(this.#file(name, attribute), `${text}\n`);
    }
  }

  async #look(name: string, attribute: string): Promise<boolean> {
    const block = this.#blocks.get(name) as NullBlock;
    const text = readFileSync(this.#file(name, attribute), 'utf8').trim();
    const before = block.values.get(attribute);
    if (text === before) return true;
    const isTaken =
      attribute === 'badblocks' ? await this.#setBad(name, block, text) : await this.#set(name, block, attribute, text);
    if (isTaken && attribute !== 'badblocks') block.values.set(attribute, text);
    writeFileSync(this.#file(name, attribute), `${block.values.get(attribute)}\n`);
    return isTaken;
  }

  async #set(name: string, block: NullBlock, attribute: string, text: string): Promise<boolean> {
    if (!/^\d+$/.test(text)) return false;
    if (attribute !== 'power') {
      // what a running one has cannot be changed
      return block.minor === undefined || ['submit_queues', 'poll_queues'].includes(attribute);
    }
    if (text !== '0' && block.minor === undefined) await this.#powerOn(name, block);
    if (text === '0' && block.minor !== undefined) {
      await this.#client.request('detach', { node: `/dev/${name}` });
      block.minor = undefined;
    }
    return true;
  }

  async #powerOn(name: string, block: NullBlock): Promise<void> {
    const number = (attribute: string): number => Number(block.values.get(attribute));
    const taken = new Set([...this.#blocks.values()].map(({ minor }) => minor));
    let minor = 0;
    while (taken.has(minor)) minor++;
    const isTimed = number('irqmode') === 2;
    const isBio = number('queue_mode') === 0;
    const blockBytes = number('blocksize') === 512 ? 512 : 4096;
    const options = [
      `depth=${Math.min(1024, number('hw_queue_depth'))}`,
      `block=${blockBytes}`,
      'write_zeroes=none',
      `discard=${number('discard') === 0 || number('memory_backed') === 0 ? 'none' : 'zeros'}`,
      `switch=${name}`,
      ...(isTimed ? [`delay=${number('completion_nsec')}ns`] : []),
      ...(isBio ? ['queue=bio'] : []),
      ...(number('cache_size') > 0 ? [`cache=${name}`, 'fua=1'] : []),
    ];
    const isKept = number('memory_backed') !== 0;
    const what = isKept ? `mem:${name}?size=${number('size')}M&` : `null:${number('size')}M?`;
    await this.#client.request('attach', {
      node: `/dev/${name}`,
      word: `${what}${options.join('&')}`,
      number: `${MAJOR}:${minor}`,
      limits: {
        maxSectors: number('max_sectors') || 255,
        ...(number('discard') === 0 ? {} : { maxDiscardSectors: 8_388_607 }),
      },
    });
    block.minor = minor;
    await this.#client.request('set_block_attribute', { block: name, attribute: 'queue/issue_in_turn', value: '1' });
    if (isBio) return;
    const set = (attribute: string, value: string): Promise<unknown> =>
      this.#client.request('set_block_attribute', { block: name, attribute: `queue/${attribute}`, value });
    await set('scheduler', 'none');
    await set('nr_requests', String(number('hw_queue_depth')));
    await set('kernel_plug_order', '1');
  }

  /** `+FIRST-LAST` adds bad sectors, `-FIRST-LAST` takes them away. */
  async #setBad(name: string, block: NullBlock, text: string): Promise<boolean> {
    const [, sign, from, to] = /^([+-])(\d+)-(\d+)$/.exec(text) ?? [];
    if (sign === undefined || Number(from) > Number(to)) return false;
    const [first, last] = [Number(from), Number(to)];
    const rest = block.bad.flatMap(([start, end]): [number, number][] => {
      if (end < first || start > last) return [[start, end]];
      return [[start, first - 1] as [number, number], [last + 1, end] as [number, number]].filter(([a, b]) => a <= b);
    });
    const all = sign === '+' ? [...rest, [first, last] as [number, number]] : rest;
    block.bad = all.sort(([a], [b]) => a - b);
    const ranges = block.bad.map(([start, end]) => `${start}-${end}`).join(' ');
    block.values.set('badblocks', ranges);
    await this.#client.request('bad_sectors', { switch: name, ranges });
    return true;
  }
}
