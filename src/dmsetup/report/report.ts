// A report: which fields of which rows, in which order, in which form.

import { ReportError } from '../failure.ts';
import { type Field, isFieldName, type Section, type Shown } from './field.ts';
import { fieldHelpLines } from './field-help.ts';
import { parseSelection, type Selection } from './selection.ts';

export interface ReportOptions {
  /** Ids, separated by commas. */
  readonly fields: string;
  /** Ids, separated by commas; one with `-` in front sorts downward. */
  readonly sort: string;
  readonly selection: string | undefined;
  readonly hasHeadings: boolean;
  readonly separator: string;
  readonly isAligned: boolean;
  /** Values are written `PREFIXFIELD='value'`. */
  readonly prefix: string | undefined;
  readonly isQuoted: boolean;
  /** A line for each field instead of one for each row. */
  readonly hasRows: boolean;
  complain(line: string): void;
}

interface SortKey<Row> {
  readonly field: Field<Row>;
  readonly isDescending: boolean;
}

const SELECTED = 'selected';

export class Report<Row> {
  readonly #known: readonly Field<Row>[];
  readonly #options: ReportOptions;
  readonly #fields: readonly Field<Row>[];
  readonly #sort: readonly SortKey<Row>[];
  readonly #selection: Selection<Row> | undefined;

  /** Throws ReportError for fields that do not exist. `sections` are those that `all` means. */
  constructor(known: readonly Field<Row>[], options: ReportOptions, sections?: readonly Section[]) {
    this.#known = known;
    this.#options = options;
    this.#fields = listOf(options.fields).flatMap((asked) => this.#find(asked, sections));
    this.#sort = listOf(options.sort).map((asked) => {
      const id = asked.replace(/^[+-]/, '');
      const field = known.find((one) => isFieldName(one.id, id));
      if (!field) throw this.#unknown(id, 'dm_report: Unrecognised field');
      return { field, isDescending: asked.startsWith('-') };
    });
    const { selection } = options;
    this.#selection = selection === undefined ? undefined : parseSelection(selection, known);
  }

  /** All fields whose data rows must have: shown, sorted or selected by. */
  get usedFields(): readonly Field<Row>[] {
    return [...this.#fields, ...this.#sort.map(({ field }) => field), ...(this.#selection?.fields ?? [])];
  }

  /** The rows that the selection takes. */
  select(rows: readonly Row[]): Row[] {
    return rows.filter((row) => this.#selection?.matches(row) ?? true);
  }

  /** The text of the report; empty without rows. */
  print(rows: readonly Row[]): string {
    // who asks whether rows are selected sees all of them
    const isAsked = this.#fields.some((field) => field.id === SELECTED);
    const taken = (isAsked ? [...rows] : this.select(rows)).sort((a, b) => this.#compare(a, b));
    if (taken.length === 0) return '';
    const cells = taken.map((row) => this.#fields.map((field) => this.#show(field, row)));
    return this.#options.hasRows ? this.#printTransposed(cells) : this.#printLines(cells);
  }

  #find(asked: string, sections: readonly Section[] | undefined): readonly Field<Row>[] {
    const real = this.#known.filter((field) => field.section !== 'special');
    if (asked === 'all') return real.filter((field) => sections?.includes(field.section) ?? true);
    const section = /^(name|info|deps|splitname|stats|region)_all$/.exec(asked)?.[1];
    if (section !== undefined) return real.filter((field) => field.section === section);
    if (asked === 'help' || asked === '?') throw new ReportError(...fieldHelpLines(false));
    const found = this.#known.find((field) => isFieldName(field.id, asked));
    if (!found) throw this.#unknown(asked, 'Unrecognised field');
    return [found];
  }

  #unknown(asked: string, what: string): ReportError {
    return new ReportError(...fieldHelpLines(false), `${what}: ${asked}`);
  }

  #show(field: Field<Row>, row: Row): Shown {
    if (field.id === SELECTED) {
      const number = (this.#selection?.matches(row) ?? true) ? 1 : 0;
      return { text: String(number), number };
    }
    const shown = field.show(row);
    if (shown) return shown;
    this.#options.complain(`_do_report_object: no data assigned to field ${field.id}`);
    throw new ReportError('Command failed.');
  }

  #compare(a: Row, b: Row): number {
    for (const { field, isDescending } of this.#sort) {
      const order = compareShown(this.#show(field, a), this.#show(field, b));
      if (order !== 0) return isDescending ? -order : order;
    }
    return 0;
  }

  #text(field: Field<Row>, shown: Shown): string {
    const { prefix, isQuoted } = this.#options;
    if (prefix === undefined) return shown.text;
    const quote = isQuoted ? "'" : '';
    return `${prefix}${field.id.toUpperCase()}=${quote}${shown.text}${quote}`;
  }

  #printLines(cells: readonly (readonly Shown[])[]): string {
    const { hasHeadings, separator, isAligned } = this.#options;
    const texts = cells.map((row) => row.map((shown, index) => this.#text(this.#fields[index] as Field<Row>, shown)));
    const widths = this.#fields.map((field, index) =>
      Math.max(field.widthMin, field.heading.length, ...texts.map((row) => (row[index] as string).length)),
    );
    const line = (row: readonly string[], isHeading: boolean): string => {
      if (!isAligned) return `${row.join(separator)}\n`;
      const padded = row.map((text, index) => {
        const width = widths[index] as number;
        const isLeft = isHeading || (this.#fields[index] as Field<Row>).type === 'string';
        return isLeft ? text.padEnd(width) : text.padStart(width);
      });
      return `${padded.join(separator)}\n`;
    };
    const headings = this.#fields.map((field) => field.heading);
    return (hasHeadings ? line(headings, true) : '') + texts.map((row) => line(row, false)).join('');
  }

  #printTransposed(cells: readonly (readonly Shown[])[]): string {
    const { hasHeadings, separator } = this.#options;
    return this.#fields
      .map((field, index) => {
        const values = cells.map((row) => this.#text(field, row[index] as Shown));
        return `${[...(hasHeadings ? [field.heading] : []), ...values].join(separator)}\n`;
      })
      .join('');
  }
}

/** Numbers by value, texts by their bytes. */
export function compareShown(a: Shown, b: Shown): number {
  if (a.number !== undefined && b.number !== undefined) return a.number - b.number;
  return Buffer.compare(Buffer.from(a.text), Buffer.from(b.text));
}

function listOf(text: string): string[] {
  return text.split(',').filter((one) => one !== '');
}
