// The entry of a test file's process: `node child.js FILE`. Imports the file and lets it run as it would alone, but tells
// the runner which test is running, so that one that hangs can be named.

import { pathToFileURL } from 'node:url';
import { openEvents, report } from './events.ts';

openEvents();

// uvu notes the name of the running test in the state object of its suite, and offers no other way to learn it. The
// accessor stands on the prototype because the state is made by whoever calls suite(); it is not enumerable, so no
// comparison sees it.
const names = new WeakMap<object, string>();
Object.defineProperty(Object.prototype, '__test__', {
  configurable: true,
  get(this: object) {
    return names.get(this);
  },
  set(this: { __suite__?: string }, name: string) {
    names.set(this, name);
    report('test', name === '' ? '' : [this.__suite__ ?? '', name].filter(Boolean).join(' > '));
  },
});

// A test file that ends itself hides what it has left running.
const exit = process.exit;
process.exit = ((code?: number) => {
  report('exit', '');
  return exit.call(process, code ?? process.exitCode);
}) as typeof process.exit;

// The listener does not keep the process alive.
process.on('SIGUSR2', () => report('active', process.getActiveResourcesInfo().join(', ')));

const file = process.argv[2];
if (file === undefined) throw new Error('child.js wants the test file to run');
// As if it had been started alone: a test may look at its arguments.
process.argv.splice(1, 1);
await import(pathToFileURL(file).href);
