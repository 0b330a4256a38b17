import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TaskReferenceError } from '../core/errors.ts';
import {
  Boolean,
  Error,
  Map,
  Object,
  process,
  ReferenceError,
  Set,
  String,
  WeakMap,
  WeakSet,
} from '../core/globals.ts';
import { definedNames, definedTask } from '../task/define.ts';
import { whileImporting } from '../task/import-guard.ts';
import type { AnyFunction } from '../task/reference.ts';
import { notPortable, usesSurroundings } from '../task/refusal.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { rejectionMode } from './rejection-mode.ts';
import { registerTypeScript, typeScriptHint } from './typescript.ts';

type Reference = Extract<ResolvedTask, { readonly kind: 'reference' }>;
type Source = Extract<ResolvedTask, { readonly kind: 'source' }>;
type Exports = Readonly<Record<string, unknown>>;

interface LoadedModule {
  readonly exports: Exports;
  /** What the module may have called itself in `defineTasks()`. */
  readonly names: readonly string[];
}

interface Failure {
  readonly error: unknown;
  readonly attempts: number;
}

/** Each attempt leaves a module in memory for good. After so many, only one item in as many makes another. */
const freelyTried = 1000;

/** Finds the functions that tasks name, for one worker. */
export class TaskLoader {
  readonly #loaded = new Map<string, LoadedModule>();
  readonly #loading = new Map<string, Promise<LoadedModule>>();
  readonly #failures = new Map<string, Failure>();

  /**
   * The function a task names: at once when it is source text or its module is loaded, otherwise once that is.
   * A module that failed is tried again by the next call.
   *
   * @throws {@link TaskReferenceError} `ERR_LEASEPOOL_TASK_MODULE`, `…_TASK_NOT_FOUND`, `…_TASK_NOT_PORTABLE`; or rejects with it.
   */
  find(task: ResolvedTask): AnyFunction | Promise<AnyFunction> {
    if (task.kind === 'source') return compile(task);
    const { module, name } = task;
    const loaded = this.#loaded.get(module);
    if (loaded !== undefined) return taskOf(loaded, task);
    // Loaded by somebody else in this thread: jobs may run where they were submitted. A failed module may have come this far.
    const defined = this.#failures.has(module) ? undefined : definedTask(module, name);
    if (defined !== undefined) return defined;
    return this.#load(module).then(
      (found) => taskOf(found, task),
      (error: unknown) => {
        throw moduleError(module, name, error);
      },
    );
  }

  /** Imports modules, one after the other. Rejects with the first failure: {@link TaskReferenceError} `ERR_LEASEPOOL_TASK_MODULE`. */
  async preload(modules: readonly string[]): Promise<void> {
    for (const module of modules) {
      try {
        await this.#load(module);
      } catch (error) {
        throw moduleError(module, '', error);
      }
    }
  }

  #load(module: string): Promise<LoadedModule> {
    const underWay = this.#loading.get(module);
    if (underWay !== undefined) return underWay;
    const loading = this.#attempt(module).finally(() => this.#loading.delete(module));
    this.#loading.set(module, loading);
    return loading;
  }

  async #attempt(module: string): Promise<LoadedModule> {
    const failure = this.#failures.get(module);
    const attempts = (failure?.attempts ?? 0) + 1;
    try {
      const located = locate(module);
      const url =
        failure !== undefined && mayRunAgain(located, failure) ? withQuery(located, attempts) : located;
      const exports = await whileImporting(module, () => import(url) as Promise<Exports>);
      const loaded = { exports, names: namesOf(url) };
      this.#loaded.set(module, loaded);
      this.#failures.delete(module);
      return loaded;
    } catch (error) {
      this.#failures.set(module, { error, attempts });
      if (await registerTypeScript(error)) return this.#attempt(module);
      if (typeof error === 'object' && error !== null) reported.add(error);
      throw error;
    }
  }
}

/** Failures of imports that items were told about. */
const reported = new WeakSet<object>();

/**
 * Keeps such a failure from ending the worker as well. When an ES module imports a CommonJS one that throws, Node
 * rejects a promise of its own with it, which nobody can handle: always in Node 20, on another import in later versions.
 * Any other unhandled rejection ends the worker as before. Once per worker that has a thread or process of its own.
 * Where Node was told to do otherwise about unhandled rejections, that holds for these, too.
 */
export function tolerateReportedImportErrors(): void {
  if (rejectionMode() !== 'throw') return;
  process.on('unhandledRejection', (reason) => {
    if (typeof reason === 'object' && reason !== null && reported.has(reason)) return;
    // A job's own listener means that it handles them.
    if (process.listenerCount('unhandledRejection') === 1) throw reason;
  });
}

/** What to report when a job threw: a variable that a source task lacks here is the submitter's mistake, and said so. */
export function explainReferenceError(task: ResolvedTask, error: unknown): unknown {
  try {
    return task.kind === 'source' && error instanceof ReferenceError ? explained(task, error) : error;
  } catch {
    return error; // A proxy or a getter that does not like to be looked at.
  }
}

function explained(task: Source, error: ReferenceError): unknown {
  // V8's words, then JavaScriptCore's.
  const name = /^(\S+) is not defined$|^Can't find variable: (\S+)$/
    .exec(error.message)
    ?.slice(1)
    .find(Boolean);
  // Something it called may lack a variable too.
  if (name === undefined || name in globalThis || !task.source.includes(name)) return error;
  return notPortable({ ...usesSurroundings({ name: task.name, freeVariables: [name] }), cause: error });
}

const evaluate = eval; // Called by another name, it works in the global scope.

/** With a name for stack traces. `import()` works in it, which a `vm.Script` would not allow. */
function compile({ source, name }: Source): AnyFunction {
  try {
    return evaluate(`${source}\n//# sourceURL=leasepool:${name.replace(/[^\w$.-]/g, '_')}`) as AnyFunction;
  } catch (cause) {
    throw notPortable({ name, reason: `this worker cannot compile it (${messageOf(cause)})`, cause });
  }
}

/** A bare specifier is looked up from here, as an import would be, and then from the working directory: package managers that link do not show an application's packages to ours. */
function locate(module: string): string {
  if (/^(?:file|node):/.test(module)) return module;
  try {
    return import.meta.resolve(module);
  } catch (error) {
    try {
      return pathToFileURL(createRequire(join(process.cwd(), 'here')).resolve(module)).href;
    } catch (second) {
      // The package is there, and has no such module for `require()`, which is how it was looked up.
      const isThere = (second as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND';
      const telling = (isThere ? second : error) as object;
      unlocated.set(telling, isThere ? 'package' : undefined);
      throw telling;
    }
  }
}

/** Failures to find a bare specifier from both places, and what of it was found. */
const unlocated = new WeakMap<object, 'package' | undefined>();

/** A failed evaluation is kept for ever under its URL, so another attempt takes another. */
function withQuery(url: string, attempt: number): string {
  const [, path, query, hash] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(url)!;
  return `${path}${query === undefined ? '?' : `${query}&`}leasepool-attempt=${attempt}${hash ?? ''}`;
}

/**
 * Not when a CommonJS dependency threw: it is not evaluated again, and Node would then link the module to what
 * there is of it and call that a success.
 */
function mayRunAgain(url: string, { error, attempts }: Failure): boolean {
  if (!url.startsWith('file:') || (attempts >= freelyTried && attempts % freelyTried !== 0)) return false;
  const stack = error instanceof Error ? String(error.stack) : '';
  return (
    !stack.includes('node:internal/modules/cjs/loader') ||
    stack.includes(fileURLToPath(url)) ||
    stack.includes(url)
  );
}

/** What a module may call itself: the URL it was imported by, its links resolved, and as CommonJS its path. */
function namesOf(url: string): readonly string[] {
  if (!url.startsWith('file:')) return [url];
  const path = fileURLToPath(url);
  const query = url.slice(url.search(/[?#]|$/));
  const files = [path, realPath(path)].map((file) => pathToFileURL(file).href);
  return [...new Set([url, ...files.map((file) => file + query), ...files])];
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // In an archive, say, that only the loader sees into.
  }
}

function taskOf({ exports, names }: LoadedModule, { module, name }: Reference): AnyFunction {
  for (const known of names) {
    const defined = definedTask(known, name);
    if (defined !== undefined) return defined;
  }
  for (const holder of [exports, exports['default']]) {
    const found = ownFunction(holder, name);
    if (found !== undefined) return found;
  }
  const there = [
    ...new Set([...names.flatMap(definedNames), ...functionsOf(exports), ...functionsOf(exports['default'])]),
  ].toSorted();
  throw new TaskReferenceError(
    'ERR_LEASEPOOL_TASK_NOT_FOUND',
    `module ${module} has no task '${name}' (it has ${there.length === 0 ? 'none' : there.join(', ')}): export it, or name it in a defineTasks() at the top level of the module.`,
    { taskName: name, taskNames: there },
  );
}

/** Of a module, or of what a CommonJS module exports as a whole. */
function ownFunction(holder: unknown, name: string): AnyFunction | undefined {
  if ((typeof holder !== 'object' && typeof holder !== 'function') || holder === null) return undefined;
  const value: unknown = Object.hasOwn(holder, name) ? (holder as Exports)[name] : undefined;
  return typeof value === 'function' ? (value as AnyFunction) : undefined;
}

function functionsOf(holder: unknown): string[] {
  if ((typeof holder !== 'object' && typeof holder !== 'function') || holder === null) return [];
  return Object.keys(holder).filter(
    (name) => name !== 'module.exports' && ownFunction(holder, name) !== undefined,
  );
}

function moduleError(module: string, taskName: string, cause: unknown): TaskReferenceError {
  const of = taskName === '' ? '' : ` of task '${taskName}'`;
  const hint = hintOn(module, cause);
  const why = hint === '' ? messageOf(cause) : messageOf(cause).replace(/\.$/, '');
  return new TaskReferenceError(
    'ERR_LEASEPOOL_TASK_MODULE',
    `cannot load module ${module}${of}: ${why}${hint}`,
    {
      taskName,
      cause,
    },
  );
}

function hintOn(module: string, error: unknown): string {
  try {
    if (!unlocated.has(error as object)) return testRunnerHint(error) || typeScriptHint(error);
    if (unlocated.get(error as object) === 'package')
      return `. If the program itself can import it, name it by import.meta.resolve('${module}').`;
    const isFile = /\.[cm]?[jt]s$/.test(module);
    const file = isFile ? ` A file is named by its URL: new URL('./${module}', import.meta.url).` : '';
    return `, nor from the working directory, ${process.cwd()}.${file}`;
  } catch {
    return ''; // No object, or one that does not like to be looked at.
  }
}

/** Tests that define tasks are imported by workers too, where no runner is. */
function testRunnerHint(error: unknown): string {
  const isOfRunner = /\b(?:vitest|jest)\b|^(?:describe|test|it|expect) is not defined/i.test(
    messageOf(error),
  );
  return isOfRunner ? '. A worker is no test runner: keep the tasks in a module of their own.' : '';
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'it threw a value that cannot be shown';
  }
}
