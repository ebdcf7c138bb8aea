// Runs the recorded commands of a multipath case against a target by hand: `dmsetup create, table, status, message, remove`
// and `iogen` over fake devices. What has no meaning without a kernel prints nothing, and its recorded lines are left out.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RqdmTableError } from '../../bindings/errors.ts';
import { kernelLogLines } from '../../bindings/table/kernel-log.ts';
import { ArrayModel } from '../../bindings/target/multipath/hardware-handler/array-model.ts';
import { HardwareHandlerRegistry } from '../../bindings/target/multipath/hardware-handler/registry.ts';
import { multipathTarget } from '../../bindings/target/multipath/multipath.ts';
import { MultipathParameters } from '../../bindings/target/multipath/parameters.ts';
import { SelectorRegistry } from '../../bindings/target/multipath/selector/registry.ts';
import type { DeviceReference, TargetType } from '../../bindings/target/target.ts';
import { type DrivenIo, MultipathMap } from './multipath-map.ts';
import { fakeDevice, loopDevices } from './target-context.ts';
import { TimedContext } from './timed-context.ts';

export interface GoldenStep {
  readonly command: string;
  readonly output: readonly string[];
  /** Kernel messages. */
  readonly log: readonly string[];
}

const TIMES = /^m +\d+$/;

/** The steps of a transcript; what is not printed by what is played here is left out. */
export function goldenSteps(folder: string): { setUp: string[]; steps: GoldenStep[] } {
  const script = readFileSync(join(folder, 'script.sh'), 'utf8');
  const setUp = [...script.matchAll(/^q (dmsetup create \w+ --table ".*")$/gm)].map((match) => match[1] ?? '');
  const steps: { command: string; output: string[]; log: string[] }[] = [];
  for (const line of readFileSync(join(folder, 'transcript.txt'), 'utf8').split('\n')) {
    const step = steps.at(-1);
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: [], log: [] });
    else if (step === undefined) continue;
    else if (line.startsWith('kmsg: device-mapper: ')) step.log.push(line.slice('kmsg: device-mapper: '.length));
    else if (/^kmsg: sd .*: /.test(line)) step.log.push(diskLine(line));
    else if (line.startsWith('kmsg: ') || line.startsWith('rc=')) continue;
    // a table of two lines is one command
    else if (/^100 100 /.test(line)) step.command += `\n${line}`;
    else if (/^\d+ \d+ multipath /.test(line) && !line.includes('$')) step.output.push(line);
    else if (/^#\d+ \S|^fsync ->|^detached$|^hp_sw$/.test(line)) step.output.push(line.replace(/ ok .*/, ' ok'));
    else if (TIMES.test(line)) step.output.push(line.replace(/ +/, ' '));
  }
  return { setUp, steps };
}

function diskLine(line: string): string {
  return line.replace(/^kmsg: sd \d+:\d+:\d+:(\d+): /, (_, unit: string) => `/dev/sd${'ab'[Number(unit)]}: `);
}

export class GoldenPlayer {
  readonly devices: readonly DeviceReference[] = [
    ...loopDevices(4),
    fakeDevice('8:0', { word: '/dev/sda' }),
    fakeDevice('8:16', { word: '/dev/sdb' }),
  ];
  readonly parameters: MultipathParameters = new MultipathParameters();
  readonly handlers: HardwareHandlerRegistry = new HardwareHandlerRegistry();
  readonly context: Map<string, TimedContext> = new Map();
  /** I/O that `begin` has started: what it prints when it is over. */
  private background: { name: string; label: string; io: DrivenIo }[] = [];
  private readonly maps: Map<string, MultipathMap> = new Map();
  private readonly type: TargetType;
  private logs: string[] = [];

  constructor() {
    // The recording machine had two CPUs, and disks that know nothing of asymmetric access.
    this.parameters.cpus = 2;
    this.handlers.addArray(
      new ArrayModel({ groups: [{ id: 1, state: 'active/optimized', ports: ['/dev/sda', '/dev/sdb'] }], hasStates: false }),
    );
    this.type = multipathTarget(new SelectorRegistry(), this.handlers, this.parameters);
  }

  /** Runs a command line; what it prints, and what the kernel would log. */
  play(command: string): { output: string[]; log: string[] } {
    const output: string[] = [];
    this.logs = [];
    for (const [, part = ''] of command.matchAll(/((?:'[^']*'|"[^"]*"|[^;'"])+)/g)) output.push(...this.run(part.trim()));
    const log = [...this.logs];
    for (const context of this.context.values()) context.logs.length = 0;
    return { output, log };
  }

  /** I/O in the background; it is looked at again after each message. */
  begin(name: string, ops: string): void {
    for (const [index, op] of ops.split(' ').entries()) {
      const [letter, sector, sectors] = op.split(':');
      const io = this.map(name).issue({ operation: letter === 'w' ? 1 : 0, sector: Number(sector), sectors: Number(sectors) });
      this.background.push({ name, label: `#${index} ${letter?.toUpperCase()} ${sector}+${sectors}`, io });
      if (io.progress === 'issued') io.answer();
    }
  }

  wake(): void {
    for (const { io } of this.background) if (io.progress === 'waits' && io.prepare().progress === 'issued') io.answer();
  }

  map(name: string): MultipathMap {
    const map = this.maps.get(name);
    if (map === undefined) throw new Error(`no map ${name}`);
    return map;
  }

  remove(name: string): void {
    this.maps.delete(name);
  }

  private run(command: string): string[] {
    const create = /^dmsetup create (\w+) --table ['"](.*)['"]$/s.exec(command);
    if (create !== null) return this.create(create[1] ?? '', create[2] ?? '');
    const [program, verb, name = '', ...rest] = command.split(/\s+/);
    if (program === 'iogen' || command.startsWith('timeout 5 iogen')) return this.iogen(command);
    if (program === 'cat' && verb?.includes('dh_state')) return this.handlerStates();
    if (/^(cat|sed '.*') .*\/tmp\/io.log$/.test(command)) return this.finished();
    const set = /^echo (\d+) > \/sys\/module\/dm_multipath\/parameters\/queue_if_no_path_timeout_secs$/.exec(command);
    if (set !== null) this.parameters.queueIfNoPathTimeoutSecs = Number(set[1]);
    if (program !== 'dmsetup') return [];
    if (verb === 'remove') this.remove(name);
    if (command === 'dmsetup info -c -o name,events m') return [`m ${this.context.get('m')?.events.length}`];
    const map = this.maps.get(name);
    if (map === undefined) return [];
    if (verb === 'table') return [map.table];
    if (verb === 'status') return [map.status];
    if (verb === 'message') this.message(map, rest.slice(1).join(' '));
    return [];
  }

  private create(name: string, table: string): string[] {
    const context = new TimedContext(this.devices);
    context.deviceNumber = name === 'm' ? '253:0' : '253:1';
    context.deviceName = name;
    this.maps.delete(name);
    try {
      this.maps.set(name, new MultipathMap(table, this.devices, { context, type: this.type }));
      this.context.set(name, context);
    } catch (error) {
      if (!(error instanceof RqdmTableError)) throw error;
      this.logs.push(...context.logs, ...kernelLogLines(error, context.deviceNumber, 'multipath'));
      return [];
    }
    this.logs.push(...context.logs.splice(0));
    return [];
  }

  private message(map: MultipathMap, text: string): void {
    map.message(text);
    this.logs.push(...map.context.logs.splice(0));
    this.wake();
  }

  private iogen(command: string): string[] {
    const [, name = '', ops = ''] = /iogen \/dev\/mapper\/(\w+) (.*)$/.exec(command) ?? [];
    const map = this.maps.get(name);
    if (map === undefined) return [];
    const lines: string[] = [];
    let index = 0;
    for (const op of ops.split(' ')) {
      const [letter, sector, sectors] = op.split(':');
      if (letter === 'f') {
        const flush = map.flush();
        if (flush.progress === 'issued') flush.answer();
        if (flush.status !== 0) lines.push('fsync -> EIO');
      } else if (sectors !== undefined) {
        const io = map.issue({ operation: letter === 'w' ? 1 : 0, sector: Number(sector), sectors: Number(sectors) });
        if (io.progress === 'waits') io.prepare();
        if (io.progress === 'issued') io.answer();
        lines.push(`#${index++} ${letter?.toUpperCase()} ${sector}+${sectors} -> ${io.status === 0 ? 'ok' : 'EIO'}`);
      }
    }
    this.logs.push(...map.context.logs.splice(0));
    return lines;
  }

  private handlerStates(): string[] {
    const states = this.devices.slice(4).map((device) => this.handlers.attachedTo(device)?.name ?? 'detached');
    return states;
  }

  private finished(): string[] {
    const lines = this.background
      .filter(({ io }) => io.progress === 'done')
      .map(({ label, io }) => `${label} -> ${io.status === 0 ? 'ok' : 'EIO'}`);
    this.background = this.background.filter(({ io }) => io.progress !== 'done');
    return lines;
  }

  /** What the kernel has logged by itself since. */
  takeLogs(name: string): string[] {
    return this.context.get(name)?.logs.splice(0) ?? [];
  }
}
