import type { ChainableCommander } from 'ioredis';
import { expect, test } from 'vitest';
import { runTransaction } from '../../../src/bullmq/redis-transaction.ts';

const transaction = (exec: () => Promise<unknown>) => ({ exec }) as unknown as ChainableCommander;
const aborted = (...previousErrors: Error[]) =>
  Object.assign(new Error('EXECABORT Transaction discarded because of previous errors.'), { previousErrors });

test('a transaction that Redis refuses says what it refused, each reason once', async () => {
  const oom = () => new Error("OOM command not allowed when used memory > 'maxmemory'.");
  const cause = aborted(oom(), oom(), new Error('NOPERM no'));
  const failed = runTransaction(transaction(() => Promise.reject(cause)));
  await expect(failed).rejects.toMatchObject({ message: `${oom().message}; NOPERM no`, cause });
});

test('a transaction that fails otherwise says so itself', async () => {
  for (const error of [aborted(), new Error('Connection is closed.')])
    await expect(runTransaction(transaction(() => Promise.reject(error)))).rejects.toBe(error);
});

test('a command that fails within a transaction is no success', async () => {
  const wrong = new Error('WRONGTYPE');
  const results = [
    [null, 'OK'],
    [wrong, undefined],
  ];
  await expect(runTransaction(transaction(() => Promise.resolve(results)))).rejects.toMatchObject({
    message: 'WRONGTYPE',
    cause: wrong,
  });
  await runTransaction(transaction(() => Promise.resolve([[null, 1]])));
});
