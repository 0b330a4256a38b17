import { TaskReferenceError } from '../core/errors.ts';
import { Map, Object, WeakMap } from '../core/globals.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { referenceTo } from './intern.ts';
import { isSecondTable, originOf } from './origin.ts';
import type { Origin } from './origin.ts';
import { perThread } from './per-thread.ts';
import { moduleString } from './reference.ts';
import type { AnyFunction, ModuleLocation } from './reference.ts';

interface Entry {
  readonly task: AnyFunction;
  readonly origin: Origin;
}

const registry = perThread('tasks/1', () => ({
  /** By module, query included: under another query it is another evaluation. */
  tables: new Map<string, Map<string, Entry>>(),
  /** What a function is called, on the submitting side. */
  references: new WeakMap<AnyFunction, ResolvedTask>(),
}));

/**
 * Names functions so that workers can find them by importing this module: the documented way.
 *
 * The functions come back unchanged and stay directly callable. They need not be exported, may use
 * anything in their module, and keep working when a bundler merges or minifies the module, because
 * the table's keys are the names. Call it at the top level of the module.
 *
 * A module that is evaluated again (by a test runner or hot reloading, say) replaces its tasks.
 *
 * @throws {@link TaskReferenceError} when a key is taken (`ERR_LEASEPOOL_TASK_DUPLICATE`), a value is not a function
 *   (`ERR_LEASEPOOL_TASK_INVALID`), or the URL is empty or not one that workers can import (`ERR_LEASEPOOL_TASK_MODULE`).
 * @example
 * export const { blockingSquare } = defineTasks(import.meta.url, {
 *   blockingSquare(value: number): number { return value * value; },
 * });
 */
export function defineTasks<const T extends Readonly<Record<string, AnyFunction>>>(
  module: ModuleLocation,
  tasks: T,
): T {
  if (typeof tasks !== 'object' || tasks === null) {
    throw new TaskReferenceError(
      'ERR_LEASEPOOL_TASK_INVALID',
      'defineTasks() takes the module, then a table of functions: defineTasks(import.meta.url, { name: function }).',
      {
        taskName: '',
      },
    );
  }
  const names = Object.keys(tasks);
  const url = moduleString(module, names[0]);
  if (!url.startsWith('file:')) {
    throw new TaskReferenceError(
      'ERR_LEASEPOOL_TASK_MODULE',
      `defineTasks() takes the URL of the module it is in, import.meta.url, not '${url}'.`,
      { taskName: names[0] ?? '' },
    );
  }
  const origin = originOf(url, defineTasks);
  const table = registry.tables.get(url) ?? new Map<string, Entry>();
  // Read once: what is checked is what is registered. All are checked first, so a refused table leaves nothing behind.
  const entries = names.map((name) => [name, checked(table, name, tasks[name], origin)] as const);
  for (const [name, entry] of entries) {
    table.set(name, entry);
    registry.references.set(entry.task, referenceTo(url, name));
  }
  registry.tables.set(url, table);
  return tasks;
}

function checked(table: ReadonlyMap<string, Entry>, name: string, task: unknown, origin: Origin): Entry {
  if (typeof task !== 'function') {
    throw new TaskReferenceError(
      'ERR_LEASEPOOL_TASK_INVALID',
      `task '${name}' of ${origin.module} is not a function but ${task === null ? 'null' : `a value of type ${typeof task}`}.`,
      { taskName: name },
    );
  }
  const earlier = table.get(name);
  if (earlier !== undefined && isSecondTable(earlier.origin, origin)) {
    throw new TaskReferenceError(
      'ERR_LEASEPOOL_TASK_DUPLICATE',
      `task '${name}' of ${origin.module} is defined already. Modules that a bundler merged share one URL: choose another name.`,
      { taskName: name },
    );
  }
  return { task: task as AnyFunction, origin };
}

/** What `defineTasks()` called the function, when it did. */
export function definedReference(task: AnyFunction): ResolvedTask | undefined {
  return registry.references.get(task);
}

/** A task that a module has defined in this thread. */
export function definedTask(module: string, name: string): AnyFunction | undefined {
  return registry.tables.get(module)?.get(name)?.task;
}

/** Names of the tasks that a module has defined in this thread. */
export function definedNames(module: string): readonly string[] {
  return [...(registry.tables.get(module)?.keys() ?? [])];
}
