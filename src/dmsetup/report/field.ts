// The columns of a report.

export type FieldType = 'string' | 'number' | 'size';

/** Which of the data of a row a field needs; also the `…_all` that names all fields of a section. */
export type Section = 'name' | 'info' | 'deps' | 'splitname' | 'stats' | 'region' | 'special';

/** What a field shows of a row, and what it is sorted and compared by: a number, or else the text. */
export interface Shown {
  readonly text: string;
  readonly number?: number;
}

export interface Field<Row> {
  readonly id: string;
  readonly heading: string;
  /** Columns that the field takes at least. */
  readonly widthMin: number;
  readonly type: FieldType;
  readonly section: Section;
  readonly description: string;
  /** Undefined if the row has nothing that this field could show. */
  show(row: Row): Shown | undefined;
}

/** May `asked` stand for the field `id`? Case and underscores do not matter. */
export function isFieldName(id: string, asked: string): boolean {
  return plain(id) === plain(asked);
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll('_', '');
}
