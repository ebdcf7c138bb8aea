// Where a transcript may differ from what rqdm prints, and why: each rule is applied to both before they are compared.
// Whatever is not listed here must be equal.

export interface Rule {
  readonly why: string;
  readonly pattern: RegExp;
  readonly replacement: string;
}

export const RULES: readonly Rule[] = [
  {
    why: 'which schedulers there are is a matter of how a kernel was built: rqdm has scan in place of bfq',
    pattern: /^((?:\S*scheduler:)?(?=.*mq-deadline)(?=.*kyber).*?) (?:bfq|scan)\b/,
    replacement: '$1',
  },
];

/** Lines as they are compared. */
export function normalised(text: string): string[] {
  const lines = text.replace(/\n+$/, '').split('\n');
  return lines.map((line) => RULES.reduce((now, { pattern, replacement }) => now.replace(pattern, replacement), line));
}
