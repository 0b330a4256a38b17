import { types } from 'node:util';
import { TaskReferenceError } from '../core/errors.ts';
import { Object, String, WeakMap } from '../core/globals.ts';
import { hasField } from '../wire/frame.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { definedReference } from './define.ts';
import { knownReference, referenceTo } from './intern.ts';
import { portableTask } from './portable.ts';
import { moduleString } from './reference.ts';
import type { AnyFunction } from './reference.ts';
import { notPortable } from './refusal.ts';
import { nameOf } from './source-text.ts';
import type { Refusal } from './refusal.ts';

/** What was found out about functions that no table names. */
const remembered = new WeakMap<AnyFunction, ResolvedTask | Refusal>();

let lastFunction: AnyFunction | undefined;
let lastTask: ResolvedTask;

/**
 * What a task is on its way to a worker: a function named by `defineTasks()` and a {@link TaskRef} become references,
 * any other function its source text.
 *
 * The same function, and the same module and name, give the identical object, so that tasks can be compared by identity.
 *
 * @throws {@link TaskReferenceError} `ERR_LEASEPOOL_TASK_INVALID`, `…_TASK_NOT_PORTABLE`, `…_TASK_MODULE` (a reference to no module).
 */
export function resolveTask(task: unknown): ResolvedTask {
  if (typeof task !== 'function') return resolveReference(task);
  if (task === lastFunction) return lastTask;
  const resolved = resolveFunction(task as AnyFunction);
  lastFunction = task as AnyFunction;
  lastTask = resolved;
  return resolved;
}

/** What a task is called, as far as that shows on what was given for one. */
export function nameOfTask(task: unknown): string | undefined {
  try {
    if (typeof task === 'function')
      return definedReference(task as AnyFunction)?.name ?? nameOf(task as AnyFunction);
    const name: unknown = Object.hasOwn(task as object, 'name')
      ? (task as { name: unknown }).name
      : undefined;
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined; // No object, or one that does not like to be looked at.
  }
}

function resolveFunction(task: AnyFunction): ResolvedTask {
  const defined = definedReference(task);
  if (defined !== undefined) return defined;
  let found = remembered.get(task);
  if (found === undefined) remembered.set(task, (found = portableTask(task)));
  if (hasField(found, 'reason')) throw notPortable(found);
  return found;
}

/** Not remembered per object: one written by hand may change. */
function resolveReference(task: unknown): ResolvedTask {
  if (
    typeof task === 'object' &&
    task !== null &&
    Object.hasOwn(task, 'module') &&
    Object.hasOwn(task, 'name')
  ) {
    const { module, name } = task as { readonly module: unknown; readonly name: unknown };
    if (typeof module === 'string' && typeof name === 'string') {
      return knownReference(module, name) ?? referenceTo(moduleString(module, name), name);
    }
  }
  throw new TaskReferenceError(
    'ERR_LEASEPOOL_TASK_INVALID',
    `a task is a function, or a reference { module, name } of two strings; got ${describe(task)}.`,
    { taskName: '' },
  );
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return 'a string (the name alone does not say which module)';
  if (typeof value !== 'object')
    return `a value of type ${typeof value} (pass the function, not what it returns)`;
  if (types.isPromise(value)) return 'a promise (await it first)';
  return types.isModuleNamespaceObject(value)
    ? 'a module (pass one of its functions)'
    : 'an object that is neither (of a table or a module, pass one function)';
}
