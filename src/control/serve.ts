// The process behind `rqdm serve`: one mapper, its control socket, its configuration, its end.

import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { DeviceMapper } from '../../bindings/index.ts';
import { applyConfig, reapplyConfig } from './apply-config.ts';
import { blockOperations } from './block-operations.ts';
import { parseChecker } from './checker-options.ts';
import { Checkers } from './checkers.ts';
import { type Config, parseConfig } from './config.ts';
import type { ControlledMapper } from './controlled.ts';
import { ioOperations } from './io-operations.ts';
import { KernelLog } from './kernel-log.ts';
import { multipathOperations } from './multipath-operations.ts';
import { deviceOperations } from './operations.ts';
import { recordOperations } from './record-operations.ts';
import { ControlServer } from './server.ts';
import { traceOperations } from './trace-operations.ts';
import { transferOperations } from './transfer-operations.ts';

export interface ServeSettings {
  readonly socketPath: string;
  readonly configFile: string | undefined;
  /** Where log lines go; undefined: standard error. */
  readonly logFile: string | undefined;
  readonly pidFile: string | undefined;
  /** What the words of tables must begin with; empty: all are allowed. */
  readonly allow: readonly string[];
  /** How paths are looked after (checker-options.ts); undefined: as the configuration says. */
  readonly checker: readonly string[] | undefined;
  /** Mapped devices and nodes together, at most. */
  readonly devices: number;
}

const NO_CONFIG: Config = { nodes: [], devices: [] };

/** Runs until SIGTERM or SIGINT; a second one ends the process at once. Rejects when it cannot begin. */
export async function serve(settings: ServeSettings): Promise<void> {
  const config = readConfig(settings.configFile);
  const checkerWords = settings.checker ?? config.checker;
  const checkerOptions = checkerWords === undefined ? undefined : parseChecker(checkerWords);
  const log = openLog(settings.logFile);
  const kernelLog = new KernelLog((line) => log.write(line));
  const mapper = new DeviceMapper({
    mode: 'auto',
    limits: { devices: settings.devices },
    log: (line) => kernelLog.add(line),
    ...(settings.allow.length === 0 ? {} : { allow: settings.allow }),
  });
  const checkers = new Checkers(
    mapper,
    checkerOptions && { ...checkerOptions, log: (line) => kernelLog.add(`multipathd: ${line}`) },
  );
  const operations = new Map([
    ...checkers.follow(deviceOperations(mapper, kernelLog)),
    ...multipathOperations(mapper, checkers),
    ...blockOperations(mapper),
    ...transferOperations(mapper),
    ...ioOperations(mapper),
    ...recordOperations(mapper, settings.allow),
    ...traceOperations(mapper),
  ]);
  const server = new ControlServer({ operations, log: (line) => log.write(line) });
  const ended = untilEnd();
  let isWrittenPid = false;
  try {
    // the socket first: a second server must not touch what the first one has
    await server.listen(settings.socketPath);
    await applyConfig(mapper, config);
    checkers.look();
    if (settings.pidFile !== undefined) {
      writeFileSync(settings.pidFile, `${process.pid}\n`);
      isWrittenPid = true;
    }
    const stopReloading = reloadOnHangup(mapper, config, settings.configFile, (line) => log.write(line), checkers);
    process.stdout.write(`rqdm: ready, control socket ${settings.socketPath}\n`);
    await ended.promise;
    log.write('rqdm: leaving');
    await stopReloading();
  } finally {
    await server.close();
    await checkers.close();
    await flushAll(mapper, (line) => log.write(line));
    await mapper.close();
    if (isWrittenPid) unlinkSync(settings.pidFile as string);
    ended.stop();
    log.close();
  }
}

function readConfig(file: string | undefined): Config {
  return file === undefined ? NO_CONFIG : parseConfig(readFileSync(file, 'utf8'), file);
}

/** What was acknowledged is on stable storage before the process goes. A device that is suspended cannot be flushed. */
async function flushAll(mapper: DeviceMapper, tell: (line: string) => void): Promise<void> {
  const running = mapper.devices.filter((device) => device.hasLiveTable && !device.isSuspended);
  const outcomes = await Promise.allSettled(running.map((device) => device.flush()));
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') tell(`rqdm: ${(outcome.reason as Error).message}`);
  }
}

interface Log {
  write(line: string): void;
  close(): void;
}

function openLog(file: string | undefined): Log {
  const descriptor = file === undefined ? 2 : openSync(file, 'a', 0o640);
  return {
    write(line) {
      try {
        writeSync(descriptor, `${new Date().toISOString()} ${line}\n`);
      } catch {
        // a log that is full or gone stops nothing
      }
    },
    close() {
      if (file !== undefined) closeSync(descriptor);
    },
  };
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** Resolves at the first signal; the second one ends the process with the status that the signal stands for. */
function untilEnd(): { readonly promise: Promise<void>; stop(): void } {
  let end = (): void => {};
  const promise = new Promise<void>((resolve) => {
    end = resolve;
  });
  let isEnding = false;
  const listener = (name: NodeJS.Signals): void => {
    if (isEnding) process.exit(128 + SIGNAL_NUMBERS[name as keyof typeof SIGNAL_NUMBERS]);
    isEnding = true;
    end();
  };
  const names = Object.keys(SIGNAL_NUMBERS) as NodeJS.Signals[];
  for (const name of names) process.on(name, listener);
  return {
    promise,
    stop: () => {
      for (const name of names) process.off(name, listener);
    },
  };
}

/**
 * SIGHUP reads the configuration again. One that cannot be read changes nothing. What it returns stops that, and waits
 * for a change that has begun.
 */
function reloadOnHangup(
  mapper: ControlledMapper,
  first: Config,
  file: string | undefined,
  tell: (line: string) => void,
  checkers: Checkers,
): () => Promise<void> {
  let config = first;
  // one after the other
  let reloading = Promise.resolve();
  const reload = async (): Promise<void> => {
    if (file === undefined) return tell('rqdm: SIGHUP: no configuration to read again');
    try {
      const next = readConfig(file);
      const { told, applied } = await reapplyConfig(mapper, config, next);
      config = applied;
      checkers.look();
      for (const line of told) tell(`rqdm: SIGHUP: ${line}`);
      tell(`rqdm: SIGHUP: ${told.length} change(s)`);
    } catch (error) {
      tell(`rqdm: SIGHUP: ${(error as Error).message}`);
    }
  };
  const listener = (): void => {
    reloading = reloading.then(reload);
  };
  process.on('SIGHUP', listener);
  return () => {
    process.off('SIGHUP', listener);
    return reloading;
  };
}
