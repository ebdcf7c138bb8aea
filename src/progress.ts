// One line on the terminal that is written over. Nothing at all where stderr is no terminal.

export interface Progress {
  say(text: string): void;
  clear(): void;
}

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { say() {}, clear() {} };
  return {
    say: (text) => stream.write(`\r\x1b[K${text.slice(0, (stream.columns || 80) - 1)}`),
    clear: () => stream.write('\r\x1b[K'),
  };
}
