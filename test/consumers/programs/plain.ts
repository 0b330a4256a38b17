import { type ExecutorBackend, LeasedExecutorManager, type WorkFuture, WorkGrinder } from 'leasepool';

export function start(backend: ExecutorBackend): WorkFuture<number> {
  const grinder = new WorkGrinder({ executorManager: new LeasedExecutorManager({ backend }) });
  // @ts-expect-error an argument of the wrong type
  void (() => grinder.submit((value: number) => value, ['7']));
  return grinder.enqueue((value: number) => value, [7]);
}
