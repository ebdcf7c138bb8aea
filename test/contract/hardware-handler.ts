// What every hardware handler must keep. A new handler is tested by calling this with a few facts about it:
//
//   const test = suite('hardware-handler/mine');
//   handlerContract(test, { type: myHandler, device: () => fakeDevice('8:0'), array: () => … });
//   test.run();

import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ArrayModel } from '../../bindings/target/multipath/hardware-handler/array-model.ts';
import {
  ACTIVATION_FAILED,
  ACTIVATION_OK,
  HandlerError,
  type HandlerType,
  type HardwareHandler,
} from '../../bindings/target/multipath/hardware-handler/handler.ts';
import type { DeviceReference } from '../../bindings/target/target.ts';
import { TimedContext } from '../support/timed-context.ts';

export interface HandlerFacts {
  readonly type: HandlerType;
  /** A device that it takes, new at each call. */
  readonly device: () => DeviceReference;
  /** The array behind that device, all its ports well. */
  readonly array?: () => ArrayModel;
  /** A device that it refuses, with the errno. */
  readonly refused?: { readonly device: () => DeviceReference; readonly errno: string };
  readonly goodParameters?: readonly (readonly string[])[];
  readonly badParameters?: readonly (readonly string[])[];
}

/** Longer than any activation takes. */
const LONG_MS = 600_000;

export function handlerContract(test: Test, facts: HandlerFacts): void {
  const { type } = facts;
  const attach = (): HardwareHandler => type.attach(facts.device(), { array: facts.array?.(), log: () => {} });
  const activated = (handler: HardwareHandler, context: TimedContext): number[] => {
    const results: number[] = [];
    handler.activate(context, (result) => results.push(result));
    context.pass(LONG_MS);
    return results;
  };

  test(`${type.name}: an activation is answered exactly once, and well where all is well`, () => {
    assert.equal(activated(attach(), new TimedContext()), [ACTIVATION_OK]);
  });

  test(`${type.name}: it may be activated again and again`, () => {
    const handler = attach();
    const context = new TimedContext();
    for (let round = 0; round < 3; round++) {
      const [result] = activated(handler, context);
      assert.ok(result !== undefined && result >= ACTIVATION_OK && result <= ACTIVATION_FAILED);
    }
  });

  test(`${type.name}: it leaves no timer behind`, () => {
    const context = new TimedContext();
    activated(attach(), context);
    assert.is(context.time.pending, 0);
  });

  test(`${type.name}: I/O is let pass before the first activation, in every operation`, () => {
    const handler = attach();
    for (const operation of [0, 1, 2, 3, 9]) assert.is(handler.prepare?.(operation) ?? 0, 0);
  });

  test(`${type.name}: sense that it knows nothing of is left to the general table`, () => {
    assert.is(attach().checkSense?.({ key: 3, asc: 0x11, ascq: 0 }), undefined);
  });

  const { refused } = facts;
  if (refused !== undefined) {
    test(`${type.name}: a device that is not of its kind is refused with ${refused.errno}, with a line in the log`, () => {
      const logs: string[] = [];
      const context = { array: undefined, log: (line: string): void => void logs.push(line) };
      assert.throws(
        () => type.attach(refused.device(), context),
        (error: unknown) => error instanceof HandlerError && error.errno === refused.errno,
      );
      assert.is(logs.length, 1);
    });
  }

  for (const words of facts.goodParameters ?? []) {
    test(`${type.name}: parameters "${words.join(' ')}" are taken`, () => {
      const handler = attach();
      handler.setParameters?.(words);
      assert.equal(activated(handler, new TimedContext()), [ACTIVATION_OK]);
    });
  }

  for (const words of facts.badParameters ?? []) {
    test(`${type.name}: parameters "${words.join(' ')}" are refused`, () => {
      assert.throws(
        () => attach().setParameters?.(words),
        (error: unknown) => error instanceof HandlerError,
      );
    });
  }
}
