import type { Session } from 'node:inspector';
import { types } from 'node:util';
import { Script } from 'node:vm';
import { Array, Object, process, Set } from '../core/globals.ts';
import type { AnyFunction } from './reference.ts';

/** One of the scopes around a function, with those of its variables that some function inside it uses. */
export interface Scope {
  /** As debuggers show it: `Module`, `Closure (makeTask)`, `Block`, `Script`, … */
  readonly description: string;
  readonly object: object;
}

interface Probe {
  readonly task: AnyFunction;
  scopes: ArrayLike<Scope> | undefined;
}

const probeName = 'leasepool.probe';
const probe = `globalThis[Symbol.for('${probeName}')]`;

/** The global object of the thread, also for code that a test runner evaluates in a context of its own. */
export const mainGlobal = new Script('globalThis').runInThisContext() as Record<PropertyKey, unknown>;

/** Not scopes to read: the global object, and the object of a `with` statement, which may be a proxy. */
const notScopes = new Set(['Global', 'With Block']);

/**
 * The scopes around a function, from the inside out and without the global one; `undefined` where the runtime
 * does not tell (no inspector in this build, forbidden by the permission model, another engine).
 *
 * The debugger stays off: nothing is paused, deoptimised or announced, and no code of the user runs.
 */
export function scopesAround(task: AnyFunction): readonly Scope[] | undefined {
  // The inspector describes what the function owns, and asks errors for their message, which may be a getter.
  const owned = Object.values(Object.getOwnPropertyDescriptors(task));
  if (owned.some(({ value }) => types.isNativeError(value))) return undefined;
  const key = Symbol.for(probeName);
  const found: Probe = { task, scopes: undefined };
  let session: Session | undefined;
  try {
    // Not a static import, which fails where there is no inspector.
    const inspector = process.getBuiltinModule('node:inspector');
    session = new inspector.Session();
    session.connect();
    mainGlobal[key] = found;
    const { result } = ask(session, 'Runtime.evaluate', { expression: `${probe}.task` });
    const { internalProperties } = ask(session, 'Runtime.getProperties', {
      objectId: result.objectId,
      ownProperties: true,
    });
    const list = internalProperties.find(({ name }: { name: string }) => name === '[[Scopes]]');
    ask(session, 'Runtime.callFunctionOn', {
      objectId: list.value.objectId,
      functionDeclaration: `function () { ${probe}.scopes = this; }`,
    });
  } catch {
    return undefined;
  } finally {
    delete mainGlobal[key];
    session?.disconnect();
  }
  return found.scopes && Array.from(found.scopes).filter(({ description }) => !notScopes.has(description));
}

/** Asks the inspector of this thread, which answers before `post()` returns. */
function ask(session: Session, method: string, parameters: object): any {
  let answer: unknown;
  session.post(method, parameters, (error, result) => {
    if (error === null) answer = result;
  });
  return answer;
}
