import type { ChainableCommander } from 'ioredis';

/**
 * Runs a transaction.
 * @throws what Redis answered to its commands; the error of the transaction itself, "EXECABORT", says only that there was something
 */
export async function runTransaction(transaction: ChainableCommander): Promise<void> {
  let results: readonly (readonly [error: Error | null, result: unknown])[] | null;
  try {
    results = await transaction.exec();
  } catch (cause) {
    const { previousErrors = [] } = cause as { readonly previousErrors?: readonly Error[] };
    throw previousErrors.length === 0 ? cause : joined(previousErrors, cause);
  }
  const failed = results?.flatMap(([error]) => error ?? []) ?? [];
  if (failed.length > 0) throw joined(failed);
}

function joined(errors: readonly Error[], cause: unknown = errors[0]): Error {
  const reasons = new Set(errors.map(({ message }) => message));
  return new Error([...reasons].join('; '), { cause });
}
