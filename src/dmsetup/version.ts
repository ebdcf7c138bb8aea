// `version`, `targets` and `target-version`.

import type { TargetVersion } from '../control/protocol.ts';
import type { Call } from './call.ts';

/** The version whose behaviour this program has. */
const LIBRARY_VERSION = '1.02.185 (2022-05-18)';
const NAME_COLUMNS = 16;

export async function version(call: Call): Promise<void> {
  call.print(`Library version:   ${LIBRARY_VERSION}\n`);
  const { driver } = await call.ask<{ driver: string }>('version', 'version', {});
  call.print(`Driver version:    ${driver}\n`);
}

export async function targets(call: Call): Promise<void> {
  const { targets } = await call.ask<{ targets: TargetVersion[] }>('targets', 'versions', {});
  for (const target of targets) call.print(versionLine(target));
}

export async function targetVersion(call: Call): Promise<void> {
  for (const name of call.words) {
    call.print(versionLine(await call.ask<TargetVersion>('target-version', 'target-version', { name }, { name })));
  }
}

function versionLine({ name, version }: TargetVersion): string {
  return `${name.padEnd(NAME_COLUMNS)} v${version}\n`;
}
