// `ls --tree`: devices with what they use below them, or inverted, with what uses them.

import type { DependenciesReply, DeviceInformation } from '../control/protocol.ts';
import type { Call } from './call.ts';

interface Node {
  /** Empty for a device that is not mapped: the tree knows no names of those. */
  readonly name: string;
  readonly blockName: string;
  readonly number: string;
  readonly info: DeviceInformation | undefined;
  readonly uses: Node[];
  readonly users: Node[];
}

interface Symbols {
  readonly branch: string;
  readonly last: string;
  readonly bar: string;
  /** What joins a first child to its parent on one line: the only child, or one of several. */
  readonly only: string;
  readonly first: string;
}

const ASCII: Symbols = { branch: '|-', last: '`-', bar: '| ', only: '---', first: '-+-' };
const UTF: Symbols = { branch: '├─', last: '└─', bar: '│ ', only: '───', first: '─┬─' };
const VT_ON = '\x1b(0';
const VT_OFF = '\x1b(B';
const VT100: Symbols = {
  branch: `${VT_ON}tq${VT_OFF}`,
  last: `${VT_ON}mq${VT_OFF}`,
  bar: `${VT_ON}x${VT_OFF} `,
  only: `${VT_ON}qqq${VT_OFF}`,
  first: `${VT_ON}qwq${VT_OFF}`,
};

const JOINT_COLUMNS = 3;
const COLUMNS_UNKNOWN = 80;
const ELLIPSIS = '...';

export async function showTree(call: Call): Promise<void> {
  const { replies } = await call.ask<{ replies: DependenciesReply[] }>('deps_all', 'deps', {});
  if (replies.length === 0) return call.print('No devices found\n');
  const options = new Set(call.switches.value('options')?.split(',') ?? []);
  const nodes = connect(call, replies);
  const isInverted = options.has('inverted');
  const printer = new Printer(call, options);
  const roots = nodes.filter((node) => (isInverted ? node.uses.length === 0 : node.users.length === 0 && node.info));
  for (const root of roots) printer.print(root, isInverted ? (node) => node.users : (node) => node.uses);
}

/** All nodes in the order in which they are met: a device, what it uses, what that uses, then the next device. */
function connect(call: Call, replies: readonly DependenciesReply[]): Node[] {
  const nodes = new Map<string, Node>();
  const replyOf = new Map(replies.map((reply) => [numberOf(reply.info), reply]));
  const meet = (number: string, blockName: string): Node => {
    const found = nodes.get(number);
    if (found) return found;
    const reply = replyOf.get(number);
    const name = reply ? call.shownName(reply.info) : '';
    const node: Node = { name, blockName, number, info: reply?.info, uses: [], users: [] };
    nodes.set(number, node);
    for (const used of reply?.dependencies ?? []) {
      const below = meet(numberOf(used), used.blockName);
      node.uses.push(below);
      below.users.push(node);
    }
    return node;
  };
  for (const { info } of replies) meet(numberOf(info), `dm-${info.minor}`);
  return [...nodes.values()];
}

function numberOf({ major, minor }: { readonly major: number; readonly minor: number }): string {
  return `${major}:${minor}`;
}

/** Where a node stands, a level an entry: do more siblings follow, and in compact form the columns of the node above. */
interface Place {
  readonly hasMore: readonly boolean[];
  readonly widths: readonly number[];
  /** In compact form: on the line of the node above. */
  readonly isInline: boolean;
}

class Printer {
  readonly #call: Call;
  readonly #options: ReadonlySet<string>;
  readonly #symbols: Symbols;
  readonly #isCompact: boolean;
  readonly #columns: number;
  #line = '';

  constructor(call: Call, options: ReadonlySet<string>) {
    this.#call = call;
    this.#options = options;
    this.#symbols = symbolsOf(options, call.surroundings.env);
    const hasAttributes = ['active', 'open', 'rw', 'uuid'].some((option) => options.has(option));
    this.#isCompact = options.has('compact') && !hasAttributes;
    const { columns } = call.surroundings;
    this.#columns = columns === undefined ? COLUMNS_UNKNOWN : columns - ELLIPSIS.length;
  }

  print(root: Node, below: (node: Node) => readonly Node[]): void {
    this.#printNode(root, { hasMore: [], widths: [], isInline: false }, below);
    this.#endLine();
  }

  #printNode(node: Node, place: Place, below: (node: Node) => readonly Node[]): void {
    const text = this.#text(node);
    this.#line += text;
    // of a node that stands on its parent's line the joint is counted too, as the original does
    const joint = place.isInline ? JOINT_COLUMNS : 0;
    const widths = [...place.widths, this.#isCompact ? [...text].length + joint : 0];
    const children = below(node).filter((child) => this.#isShown(child));
    for (const [index, child] of children.entries()) {
      const hasNext = index < children.length - 1;
      const isInline = this.#isCompact && index === 0;
      const childPlace = { hasMore: [...place.hasMore, hasNext], widths, isInline };
      if (isInline) this.#line += hasNext ? this.#symbols.first : this.#symbols.only;
      else {
        this.#endLine();
        this.#line = this.#prefix(childPlace);
      }
      this.#printNode(child, childPlace, below);
    }
  }

  #prefix({ hasMore, widths }: Place): string {
    const { branch, last, bar } = this.#symbols;
    return hasMore
      .map((has, level) => {
        const isDeepest = level === hasMore.length - 1;
        const symbol = isDeepest ? (has ? branch : last) : has ? bar : '  ';
        return ' '.repeat((widths[level] ?? 0) + 1) + symbol;
      })
      .join('');
  }

  #isShown(node: Node): boolean {
    return node.name !== '' || !this.#options.has('nodevice') || this.#options.has('blkdevname');
  }

  #text(node: Node): string {
    const block = this.#options.has('blkdevname') ? ` <${node.blockName}>` : '';
    const number = this.#options.has('nodevice') ? '' : ` (${node.number})`;
    return `${node.name}${block}${number}${this.#attributes(node)}`;
  }

  #attributes({ info }: Node): string {
    if (info === undefined) return '';
    const items: (string | number)[] = [];
    if (this.#options.has('active')) items.push(info.isSuspended ? 'SUSPENDED' : 'ACTIVE');
    if (this.#options.has('rw')) items.push(info.isReadOnly ? 'RO' : 'RW');
    if (this.#options.has('open')) items.push(info.openCount);
    if (this.#options.has('uuid')) items.push(this.#call.shownUuid(info));
    return items.length === 0 ? '' : ` [${items.join(', ')}]`;
  }

  #endLine(): void {
    const characters = [...this.#line];
    const isCut = !this.#options.has('notrunc') && characters.length > this.#columns + 1;
    this.#call.print(`${isCut ? characters.slice(0, this.#columns).join('') + ELLIPSIS : this.#line}\n`);
    this.#line = '';
  }
}

function symbolsOf(options: ReadonlySet<string>, env: NodeJS.ProcessEnv): Symbols {
  if (options.has('ascii')) return ASCII;
  if (options.has('utf')) return UTF;
  if (options.has('vt100')) return VT100;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /utf-?8/i.test(locale) ? UTF : ASCII;
}
