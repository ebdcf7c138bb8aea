// `tron` and `troff`: what `rqdm trace` prints in between, of all devices.

import { ControlClient } from '../../src/control/client.ts';
import { kernelText } from '../../src/control/event-text.ts';
import type { TraceDevice, TracedEvent, TraceReply } from '../../src/control/protocol.ts';

/** Who submits in the recorded cases. */
const PROCESS = 'iogen';

export class BlockTrace {
  readonly #socketPath: string;
  #client: ControlClient | undefined;
  /** Tracepoints that are shown, with `block_` before their names. */
  #shown: ReadonlySet<string> = new Set();

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** What was recorded before is dropped. */
  async start(tracepoints: readonly string[]): Promise<void> {
    this.close();
    this.#shown = new Set(tracepoints.flatMap((words) => words.split(/\s+/)));
    this.#client = await ControlClient.open(this.#socketPath);
    await this.#client.request('trace-start', { nodes: [] });
  }

  /** Lines since the start; with the seconds since the first event before each if `isTimed`. */
  async stop(isTimed: boolean): Promise<string> {
    const client = this.#client;
    if (client === undefined) return '';
    await client.request('trace-stop');
    const text = kernelText(PROCESS);
    let printed = '';
    let firstNs: number | undefined;
    for (let isOver = false; !isOver; ) {
      const reply = await client.request<TraceReply>('trace-read', { wait: false });
      isOver = reply.isOver;
      const deviceOf = (number: string): TraceDevice => reply.devices[number] ?? { name: number, isBioBased: false };
      for (const event of reply.events as readonly TracedEvent[]) {
        for (const line of text(event, deviceOf)) {
          if (!this.#shown.has(`block_${line.slice(0, line.indexOf(':'))}`)) continue;
          firstNs ??= event[0];
          printed += isTimed ? `${((event[0] - firstNs) / 1e9).toFixed(6)} cpu000 ${line}\n` : `${line}\n`;
        }
      }
    }
    this.close();
    return printed;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}
