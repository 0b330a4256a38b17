import { LeasepoolError } from '../core/errors.ts';
import { nameOfTask } from '../task/resolve.ts';
import { Object } from '../core/globals.ts';

/** What a call throws that is refused before its options were read: the error says whose it was, and which task. */
export function refusedCall(error: unknown, task: unknown, options: unknown): unknown {
  if (!(error instanceof LeasepoolError)) return error;
  const about = error as { owner?: string | undefined; taskName?: string | undefined };
  const owner = ownerIn(options);
  if (owner !== undefined) about.owner = owner;
  about.taskName ??= nameOfTask(task);
  return error;
}

function ownerIn(options: unknown): string | undefined {
  try {
    const owner: unknown = Object.hasOwn(options as object, 'owner')
      ? (options as { owner: unknown }).owner
      : undefined;
    return typeof owner === 'string' ? owner : undefined;
  } catch {
    return undefined; // No options, or some that do not like to be looked at.
  }
}
