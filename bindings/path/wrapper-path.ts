// What stands between an inner path, whose sink it is, and the sink of the mapper. A wrapper has the facts of the path
// inside and relays everything; one that does something of its own overrides `issue`, `answer` or both.

import { KnownPath } from './known-path.ts';
import type { Path, PathSink } from './path.ts';
import type { PathLimits } from './reference.ts';

/** Opens the path below on a wrapper as its sink. */
export type OpenInner = (sink: PathSink) => Path & KnownPath;

export abstract class WrapperPath extends KnownPath implements Path, PathSink {
  protected readonly inner: Path & KnownPath;
  protected readonly sink: PathSink;

  constructor(openInner: OpenInner, sink: PathSink) {
    const relay = new SinkRelay();
    const inner = openInner(relay);
    super(inner);
    relay.target = this;
    this.inner = inner;
    this.sink = sink;
    inner.onLimits = () => this.takeLimits(inner.limits);
  }

  get loop(): Path['loop'] {
    return this.inner.loop === 'instant' ? 'inline' : this.inner.loop;
  }

  get inFlight(): number {
    return this.inner.inFlight;
  }

  abstract issue(
    id: number,
    operation: number,
    position: number,
    bytes: number,
    address: number,
    segments: number,
    segmentTable: Uint32Array,
    segmentIndex: number,
  ): void;

  kick(): void {
    this.inner.kick();
  }

  /** The innermost path decides, and its listener is the wrapper around it. */
  override setLimits(changes: Partial<PathLimits>): void {
    this.inner.setLimits(changes);
  }

  /** From the inner path. */
  answer(id: number, status: number, goodSectors: number): void {
    this.sink.answer(id, status, goodSectors);
  }

  /** From the inner path. */
  wake(): void {
    this.sink.wake();
  }

  close(graceMs?: number): Promise<void> {
    return this.inner.close(graceMs);
  }
}

/** A path needs its sink when it is opened, and a wrapper exists only after that. */
class SinkRelay implements PathSink {
  target: PathSink | undefined;

  answer(id: number, status: number, goodSectors: number): void {
    this.target?.answer(id, status, goodSectors);
  }

  wake(): void {
    this.target?.wake();
  }
}
