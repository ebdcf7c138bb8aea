// What is wrong with a scenario's field, by whoever finds it.

export type Field = readonly (string | number)[];

export class FieldError extends Error {
  /** `['paths', 'a', 'queue']`: where it stands. */
  readonly field: Field;

  constructor(field: Field, message: string, options?: ErrorOptions) {
    super(message, options);
    this.field = field;
  }
}

/** What `run` throws is about this field, unless it knows better. */
export function about<T>(field: Field, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw of(field, error);
  }
}

/** What `run` rejects with is about this field, unless it knows better. */
export async function aboutAsync<T>(field: Field, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw of(field, error);
  }
}

function of(field: Field, error: unknown): FieldError {
  if (error instanceof FieldError) return error;
  return new FieldError(field, error instanceof Error ? error.message : String(error), { cause: error });
}
