import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import type { LeasedExecutorManagerOptions, WorkGrinderOptions } from 'leasepool';
import { onTestFinished } from 'vitest';
import { FakeBackend, type FakeCall } from './fake-backend.ts';
import { Gate } from './gate.ts';
import { SharedLog } from './shared-log.ts';

/** An hour: nothing that waits for it happens in a test. */
export const never = 3600;

export interface GrinderSetup extends Omit<WorkGrinderOptions, 'executorManager'> {
  readonly manager?: LeasedExecutorManagerOptions;
}

/** A started manager of one thread, and a started grinder on it. */
export async function threadGrinder({ manager: managerOptions, ...grinderOptions }: GrinderSetup = {}) {
  const manager = new LeasedExecutorManager({ workersPerPool: 1, ...managerOptions });
  const grinder = new WorkGrinder({ executorManager: manager, ...grinderOptions });
  const gate = new Gate();
  onTestFinished(async () => {
    gate.open();
    await grinder.stop({ cancelPending: true });
    await manager.stop({ timeoutSeconds: 0 });
  });
  await manager.start();
  await grinder.start();
  return { manager, grinder, gate, log: new SharedLog() };
}

/** The same on a backend that does only what the test says. */
export async function fakeGrinder(
  { manager, ...grinderOptions }: GrinderSetup = {},
  answer?: (call: FakeCall) => void,
) {
  const backend = new FakeBackend(answer);
  const bundle = await threadGrinder({ ...grinderOptions, manager: { ...manager, backend } });
  return { manager: bundle.manager, grinder: bundle.grinder, backend };
}
