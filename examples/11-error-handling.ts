/**
 * Each job fails for itself: with its own error, or with one of the package, which has a stable `code`.
 */
import { LeasedExecutorManager, LeasepoolError, WorkGrinder } from 'leasepool';
import { crash, order, stuck, uncopyable } from './tasks/faulty.ts';

await using manager = new LeasedExecutorManager({ workersPerPool: 2 });
await using grinder = new WorkGrinder({ executorManager: manager });
await manager.start();
await grinder.start();

const discount = 2;
const jobs = {
  'nothing goes wrong': grinder.submit(order, [7]),
  'it throws an error': grinder.submit(order, [12], { owner: 'request 12' }),
  'it takes too long': grinder.submit(stuck, [], { timeoutSeconds: 0.1 }),
  'it ends its worker': grinder.submit(crash),
  'its result cannot be copied': grinder.submit(uncopyable),
  'it uses a variable from outside': grinder.submit((price: number) => price - discount, [7]),
};

// All at once: a promise that fails before it is awaited ends the program. A future of `enqueue()` does not.
const outcomes = await Promise.allSettled(Object.values(jobs));
for (const [index, job] of Object.keys(jobs).entries()) console.log(`${job}: ${told(outcomes[index])}`);

function told(outcome: PromiseSettledResult<unknown>): string {
  if (outcome.status === 'fulfilled') return String(outcome.value);
  const reason: unknown = outcome.reason;
  if (reason instanceof LeasepoolError) return reason.code;
  return reason instanceof Error
    ? `${reason.name}, ${reason.message}: ${String(reason.cause)}`
    : String(reason);
}
