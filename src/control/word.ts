// Backing words on a command line or in a configuration, to which an option is added.

/** `word` with `option` behind its `?`; a `#label` stays at the end. */
export function withOption(word: string, option: string): string {
  const label = /#[A-Za-z0-9_.-]+$/.exec(word)?.[0] ?? '';
  const bare = word.slice(0, word.length - label.length);
  return `${bare}${bare.includes('?') ? '&' : '?'}${option}${label}`;
}
