import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TaskReferenceError } from '../core/errors.ts';
import { Map, Object, Proxy } from '../core/globals.ts';
import { moduleString } from './reference.ts';
import type { AnyFunction, ModuleLocation, TaskModule, TaskRef } from './reference.ts';

/**
 * Typed references to a module's functions, without loading that module in this thread.
 * `.js`/`.ts` spellings are tried for one another, so one line works under type stripping, tsx and compiled output.
 *
 * A bare package specifier is resolved by the workers, from the place of this package, then from the working directory.
 * A task called `then` is not among the properties, or awaiting the references would call it: use {@link taskRef}.
 *
 * @throws {@link TaskReferenceError} (`ERR_LEASEPOOL_TASK_MODULE`) at once when no such file exists.
 * @example
 * const tasks = importTasks<typeof import('./tasks.js')>(new URL('./tasks.js', import.meta.url));
 * await grinder.submit(tasks.blockingSquare, [7]);
 */
export function importTasks<M extends object>(module: string | URL): TaskModule<M> {
  const found = existingModule(moduleString(module), '');
  const references = new Map<string, TaskRef>();
  return new Proxy(Object.create(null) as object, {
    get(_, name) {
      if (typeof name !== 'string' || name === 'then') return undefined;
      let known = references.get(name);
      if (known === undefined) references.set(name, (known = reference(found, name)));
      return known;
    },
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
  }) as TaskModule<M>;
}

/**
 * One typed reference.
 *
 * @throws {@link TaskReferenceError} (`ERR_LEASEPOOL_TASK_MODULE`) at once when no such file exists.
 * @example
 * const square = taskRef<typeof import('./tasks.js').square>(new URL('./tasks.js', import.meta.url), 'square');
 */
export function taskRef<F extends AnyFunction>(
  module: ModuleLocation,
  name: string,
): TaskRef<Parameters<F>, ReturnType<F>> {
  if (typeof name !== 'string') {
    throw new TaskReferenceError(
      'ERR_LEASEPOOL_TASK_INVALID',
      `the name of a task is a string, not ${typeof name}.`,
      {
        taskName: '',
      },
    );
  }
  return reference(existingModule(moduleString(module, name), name), name);
}

function reference<A extends readonly unknown[], R>(module: string, name: string): TaskRef<A, R> {
  return Object.freeze({ module, name });
}

const otherSpelling: Readonly<Record<string, string>> = { j: 't', t: 'j' };

/** The module, or its other spelling when only that exists. Bare specifiers are not looked at. */
function existingModule(module: string, taskName: string): string {
  if (!module.startsWith('file:') || isFile(module)) return module;
  const swapped = module.replace(/(?<=\.[cm]?)[jt](?=s(?:[?#]|$))/, (letter) => otherSpelling[letter]!);
  if (swapped !== module && isFile(swapped)) return swapped;
  const other = swapped === module ? '' : `, nor ${swapped.slice(swapped.lastIndexOf('/') + 1)}`;
  throw new TaskReferenceError('ERR_LEASEPOOL_TASK_MODULE', `there is no task module ${module}${other}.`, {
    taskName,
  });
}

function isFile(module: string): boolean {
  try {
    return statSync(fileURLToPath(module)).isFile();
  } catch (error) {
    // Only what is certainly missing is refused here: what this thread may not look at, a worker may.
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}
