// How scenarios write times and sizes.

/** `10s`, `200us`, `1.5ms`, `2m`, `1h`; a bare number is seconds. Nanoseconds; undefined: no time. */
export function parseDuration(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isFinite(text) && text >= 0 ? Math.round(text * 1e9) : undefined;
  const match = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)?$/.exec(text.trim());
  if (match === null) return undefined;
  const unit = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }[match[2] ?? 's'] as number;
  return Math.round(Number(match[1]) * unit);
}

/** `4k`, `64G`, `1T`, `512`: powers of 1024. Bytes; undefined: no size. */
export function parseBytes(text: string | number): number | undefined {
  const match = /^(\d+)\s*([kKMGT]?)(?:i?B)?$/.exec(String(text).trim());
  if (match === null) return undefined;
  const shift = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }[(match[2] as string).toUpperCase()] as number;
  const bytes = Number(match[1]) * shift;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
