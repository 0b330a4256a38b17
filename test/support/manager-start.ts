import { LeasedExecutorManager, WorkGrinder } from 'leasepool';
import type { LeasedExecutorManagerOptions, Logger, WorkGrinderOptions } from 'leasepool';
import { onTestFinished } from 'vitest';

/** A manager that is stopped when the test is over, whatever its jobs do. */
export function newManager(options: LeasedExecutorManagerOptions = {}): LeasedExecutorManager {
  const manager = new LeasedExecutorManager({ workersPerPool: 1, ...options });
  onTestFinished(() => manager.stop({ timeoutSeconds: 0 }));
  return manager;
}

export async function startManager(
  options: LeasedExecutorManagerOptions = {},
): Promise<LeasedExecutorManager> {
  const manager = newManager(options);
  await manager.start();
  return manager;
}

/** A grinder that is stopped when the test is over, before its manager. */
export async function startGrinder(options: WorkGrinderOptions): Promise<WorkGrinder> {
  const grinder = new WorkGrinder(options);
  onTestFinished(() => grinder.stop({ cancelPending: true }));
  await grinder.start();
  return grinder;
}

export interface LogEntry {
  readonly level: string;
  readonly message: string;
  readonly fields: object | undefined;
}

export function recordingLogger(): Logger & { readonly entries: LogEntry[] } {
  const entries: LogEntry[] = [];
  const at = (level: string) => (message: string, fields?: object) =>
    void entries.push({ level, message, fields });
  return { entries, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** What the promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<any> {
  return promise.then(
    (value) => {
      throw new Error(`not rejected, but fulfilled with ${String(value)}`);
    },
    (error: unknown) => error,
  );
}
