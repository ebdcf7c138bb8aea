// Skips are loud: what a machine lacks is printed, counted and, for a tool in CI, a failure.

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { report, runningTest } from './events.ts';

/** What is missing: a program that can be installed, or data that only some machines have. */
export type SkipCause = 'tool' | 'data';

/** The top of the repository: the nearest folder above this file that holds rqdm's package.json and its sources. */
export function repositoryFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) || !existsSync(join(folder, 'setup.mjs'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no folder above this file holds package.json and setup.mjs');
    folder = parent;
  }
  return folder;
}

/** The folder `shared` beside the repository, with recorded answers, traces and specifications; undefined without one. */
export function sharedFolder(): string | undefined {
  let folder = repositoryFolder();
  for (;;) {
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    const found = join(parent, 'shared');
    if (existsSync(join(found, 'golden')) && statSync(found).isDirectory()) return found;
    folder = parent;
  }
}

/**
 * Prints `SKIPPED: reason`, which the runner counts; the caller then returns, or defines no tests. For a missing tool
 * it throws where RQDM_REQUIRE_TOOLS=1 says that all tools are there, as in CI.
 */
export function skipAloud(reason: string, cause: SkipCause = 'data'): void {
  if (cause === 'tool' && process.env['RQDM_REQUIRE_TOOLS'] === '1') {
    throw new Error(`RQDM_REQUIRE_TOOLS=1 forbids to skip: ${reason}`);
  }
  process.stdout.write(`\nSKIPPED: ${reason.replaceAll('\n', ' ')}\n`);
  report('skip', runningTest() === '' ? '0' : '1');
}

/** The full name of a program on PATH, or undefined. */
export function findTool(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder || '.', name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Like findTool, but skips aloud when the program is missing: `const qemu = toolOrSkip('qemu-io'); if (!qemu) return;` */
export function toolOrSkip(name: string): string | undefined {
  const found = findTool(name);
  if (found === undefined) skipAloud(`${name} is not installed`, 'tool');
  return found;
}
