// The expression after `-S`: which rows a report shows.
//
//   either := both { ('||' | '#') both }
//   both   := one { ('&&' | ',') one }
//   one    := '(' either ')' | '!(' either ')' | field operator value

import { ReportError } from '../failure.ts';
import { type Field, isFieldName, type Shown } from './field.ts';
import { fieldHelpLines } from './field-help.ts';

export interface Selection<Row> {
  readonly fields: readonly Field<Row>[];
  matches(row: Row): boolean;
}

type Test<Row> = (row: Row) => boolean;
type Compare = (shown: Shown) => boolean;

/** Longer ones first, so that `>=` is not read as `>`. */
const OPERATORS = ['=~', '!~', '!=', '>=', '<=', '=', '>', '<'] as const;
type Operator = (typeof OPERATORS)[number];
const ORDERS: ReadonlySet<Operator> = new Set(['>=', '<=', '>', '<']);
const MATCHES: ReadonlySet<Operator> = new Set(['=~', '!~']);

const OPERATOR_HELP = [
  'Selection operators',
  '-------------------',
  '  =~ and !~         - a text matches, or does not match, a regular expression',
  '  = and !=          - equal, or not',
  '  >= > <= <         - of numbers and sizes',
  '  && or ,           - both',
  '  || or #           - at least one',
  '  !( ) and ( )      - not, and together',
  '  all               - everything',
  ' ',
];

/** Throws ReportError with what is wrong and where. */
export function parseSelection<Row>(text: string, known: readonly Field<Row>[]): Selection<Row> {
  const fields: Field<Row>[] = [];
  if (text === '' || text.trim() === 'all') return { fields, matches: () => true };
  if (text.trim() === 'help' || text.trim() === '?') throw new ReportError(...fieldHelpLines(true), ...OPERATOR_HELP);
  const parser = new Parser(text, known, fields);
  const matches = parser.whole();
  return { fields, matches };
}

class Parser<Row> {
  readonly #text: string;
  readonly #known: readonly Field<Row>[];
  readonly #used: Field<Row>[];
  #position = 0;

  constructor(text: string, known: readonly Field<Row>[], used: Field<Row>[]) {
    this.#text = text;
    this.#known = known;
    this.#used = used;
  }

  whole(): Test<Row> {
    const test = this.#either();
    this.#skipBlanks();
    if (this.#rest === '') return test;
    throw this.#mistake(this.#position, 'Expecting logical operator');
  }

  get #rest(): string {
    return this.#text.slice(this.#position);
  }

  #either(): Test<Row> {
    const tests = [this.#both()];
    while (this.#takes('||') || this.#takes('#')) tests.push(this.#both());
    return tests.length === 1 ? (tests[0] as Test<Row>) : (row) => tests.some((test) => test(row));
  }

  #both(): Test<Row> {
    const tests = [this.#one()];
    while (this.#takes('&&') || this.#takes(',')) tests.push(this.#one());
    return tests.length === 1 ? (tests[0] as Test<Row>) : (row) => tests.every((test) => test(row));
  }

  #one(): Test<Row> {
    if (this.#takes('(')) return this.#closed();
    if (!this.#takes('!')) return this.#comparison();
    if (!this.#takes('(')) throw new ReportError(`Syntax error: left parenthesis expected at '${this.#rest}'`);
    const test = this.#closed();
    return (row) => !test(row);
  }

  #closed(): Test<Row> {
    const test = this.#either();
    if (!this.#takes(')')) throw new ReportError(`Syntax error: right parenthesis expected at '${this.#rest}'`);
    return test;
  }

  #comparison(): Test<Row> {
    this.#skipBlanks();
    const start = this.#position;
    const name = this.#take(/^[A-Za-z0-9_]+/);
    if (name === undefined) throw this.#mistake(start, 'Expecting field name');
    const field = this.#known.find((one) => isFieldName(one.id, name));
    if (field === undefined) {
      throw this.#mistake(start, ...fieldHelpLines(true), `Unrecognised selection field: ${name}`);
    }
    this.#used.push(field);
    this.#skipBlanks();
    const operator = OPERATORS.find((one) => this.#rest.startsWith(one));
    if (operator === undefined) {
      throw this.#mistake(start, ...OPERATOR_HELP, `Unrecognised comparison operator: ${this.#rest}`);
    }
    this.#position += operator.length;
    const compare = this.#comparer(field, operator, start);
    return (row) => {
      const shown = field.show(row);
      return shown !== undefined && compare(shown);
    };
  }

  #comparer(field: Field<Row>, operator: Operator, start: number): Compare {
    const kind = field.type === 'string' ? 'string' : 'numeric';
    if (kind === 'string' && ORDERS.has(operator)) {
      const reason = 'Operator can be used only with number, size, time or percent fields';
      throw this.#mistake(start, ...OPERATOR_HELP, `${reason}: ${this.#text.slice(start)}`);
    }
    if (MATCHES.has(operator) && kind === 'numeric') {
      throw new ReportError(`dm_report: incompatible comparison type for selection field ${field.id}`);
    }
    const word = MATCHES.has(operator) ? 'regex' : kind;
    const failed = (): ReportError => this.#mistake(start, `Failed to parse ${word} value for selection field ${field.id}.`);
    const value = this.#value(failed);
    if (word === 'regex') return matcher(value, operator, failed);
    if (word === 'string') return ({ text }) => (text === value) === (operator === '=');
    if (!/^[0-9]+(\.[0-9]+)?[a-zA-Z%]*$/.test(value)) throw failed();
    const asked = Number.parseFloat(value);
    return ({ number = 0 }) => holds(number, operator, asked);
  }

  #value(failed: () => ReportError): string {
    this.#skipBlanks();
    const quote = /^['"]/.exec(this.#rest)?.[0];
    if (quote === undefined) return this.#take(/^[^\s,#&|()]*/) ?? '';
    const end = this.#text.indexOf(quote, this.#position + 1);
    if (end < 0) throw failed();
    const value = this.#text.slice(this.#position + 1, end);
    this.#position = end + 1;
    return value;
  }

  #takes(token: string): boolean {
    this.#skipBlanks();
    if (!this.#rest.startsWith(token)) return false;
    this.#position += token.length;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#rest)?.[0];
    this.#position += found?.length ?? 0;
    return found;
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text[this.#position] ?? '')) this.#position += 1;
  }

  #mistake(at: number, ...lines: string[]): ReportError {
    return new ReportError(
      ...lines,
      `Selection syntax error at '${this.#text.slice(at)}'.`,
      "Use 'help' for selection to get more help.",
    );
  }
}

function matcher(pattern: string, operator: Operator, failed: () => ReportError): Compare {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch {
    throw failed();
  }
  return ({ text }) => expression.test(text) === (operator === '=~');
}

function holds(number: number, operator: Operator, asked: number): boolean {
  if (operator === '=') return number === asked;
  if (operator === '!=') return number !== asked;
  if (operator === '>=') return number >= asked;
  if (operator === '<=') return number <= asked;
  return operator === '>' ? number > asked : number < asked;
}
