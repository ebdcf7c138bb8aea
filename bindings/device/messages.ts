// Messages: those that begin with `@` are for the device itself, the others for a target of its live table.
import { RqdmError } from '../errors.ts';
import { splitWords } from '../table/parse.ts';
import { expectText, guarded } from './construct.ts';
import { isStatsMessage, type StatsReceiver, statsMessage } from './stats-messages.ts';
import type { LoadedTable } from './table.ts';

/** Who answers them. */
export interface MessageReceiver extends StatsReceiver {
  readonly name: string;
  readonly live: LoadedTable | undefined;
  cancelDeferredRemove(): void;
  /** A line of the kernel's log, without `device-mapper: `. */
  kernelLog(line: string): void;
}

/** Sends words to `sector`. Returns the answer, if there is one. Throws ERR_RQDM_MESSAGE, and what the target throws. */
export function sendMessage(receiver: MessageReceiver, text: string | readonly string[], sector: number): string | undefined {
  const words = typeof text === 'string' ? splitWords(text) : [...text];
  const [first] = words;
  if (first === undefined) throw refused(receiver, 'Empty message received.');
  if (first.startsWith('@')) return coreMessage(receiver, words);
  if (!receiver.live) {
    throw new RqdmError('ERR_RQDM_NO_TABLE', `${receiver.name} has no live table: nobody hears "${first}"`, { errno: 'ENXIO' });
  }
  const loaded = receiver.live.lines.find(
    ({ line }) => sector >= line.startSector && sector < line.startSector + line.lengthSectors,
  );
  if (!loaded) throw refused(receiver, 'Target message sector outside device.', `sector ${sector}`);
  if (!loaded.target.message) throw refused(receiver, 'Target type does not support messages', loaded.type.name);
  const { target, type } = loaded;
  return guarded({ deviceName: receiver.name }, type.name, 'message', () => {
    const answer = target.message?.(words);
    return answer === undefined ? undefined : expectText(answer);
  });
}

function coreMessage(receiver: MessageReceiver, words: readonly string[]): string | undefined {
  const [first] = words as [string];
  if (isStatsMessage(first)) return statsMessage(receiver, words);
  if (first.toLowerCase() === '@cancel_deferred_remove' && words.length === 1) {
    receiver.cancelDeferredRemove();
    return undefined;
  }
  throw refused(receiver, `Unsupported message sent to DM core: ${first}`);
}

function refused(receiver: MessageReceiver, text: string, detail?: string): RqdmError {
  receiver.kernelLog(`ioctl: ${text}`);
  return new RqdmError('ERR_RQDM_MESSAGE', detail === undefined ? text : `${text}: ${detail}`, { errno: 'EINVAL' });
}
