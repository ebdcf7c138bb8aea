// The four elevators keep their contract.

import { suite } from 'uvu';
import { ELEVATORS, elevatorContract } from '../contract/elevator.ts';

for (const [name, elevator] of ELEVATORS) {
  const test = suite(`core/elevator: ${name}`);
  const others = ELEVATORS.map(([, other]) => other).filter((other) => other !== elevator);
  elevatorContract(test, { name, elevator, others });
  test.run();
}
