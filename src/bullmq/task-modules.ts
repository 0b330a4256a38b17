import { realpathSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { invalidType, moduleString } from '../backend.ts';
import { TaskReferenceError } from '../index.ts';
import type { WireTask } from './chunk-codec.ts';

/**
 * Modules with tasks: a list, or by the names under which both sides know them. A module of a list is known by its
 * URL or specifier, the same on every machine.
 */
export type TaskModules = readonly (string | URL)[] | Readonly<Record<string, string | URL>>;

/** @throws TypeError, `TaskReferenceError` */
export function readTaskModules(given: unknown): ReadonlyMap<string, string> {
  if (typeof given !== 'object' || given === null)
    throw invalidType('"tasks" must be an array of modules, or an object of them by name', given);
  const entries: [string | undefined, unknown][] = Array.isArray(given)
    ? given.map((module: unknown) => [undefined, module])
    : Object.entries(given);
  return new Map(
    entries.map(([name, location]) => {
      if (typeof location !== 'string' && !(location instanceof URL))
        throw invalidType('"tasks" must hold module URLs, paths or specifiers', location);
      const module = moduleString(location, name);
      return [name ?? module, module];
    }),
  );
}

/** The modules a host serves: an allow-list. */
export class ServedModules {
  /** By everything they may be called. */
  readonly #byName = new Map<string, string>();
  readonly #names: readonly string[];

  constructor(modules: ReadonlyMap<string, string>) {
    this.#names = [...modules.keys()];
    for (const [name, module] of modules) {
      for (const each of [name, module, ...realNameOf(module)]) this.#byName.set(each, module);
    }
  }

  /**
   * Where the module is on this machine. What stands behind the file (`?...`) names another evaluation of it and is kept.
   * @throws `TaskReferenceError` when it is not served here
   */
  locate({ module, name: taskName }: WireTask): WireTask {
    const [name, suffix] = split(module);
    const served = this.#byName.get(name);
    if (served !== undefined) return { module: served + suffix, name: taskName };
    throw new TaskReferenceError(
      'ERR_LEASEPOOL_TASK_NOT_FOUND',
      `this host does not serve module ${name} (it serves ${this.#names.join(', ')}). Start it with that module, or give the module one name here and in bullmqBackend({ tasks }).`,
      { taskName },
    );
  }
}

/** The names under which a backend's hosts know modules that are elsewhere there. */
export class NamedModules {
  readonly #names: ReadonlyMap<string, string>;
  readonly #tasks = new WeakMap<WireTask, WireTask>();

  constructor(modules: ReadonlyMap<string, string>) {
    const names = [...modules].flatMap(([name, module]) =>
      [module, ...realNameOf(module)].map((each) => [each, name] as const),
    );
    this.#names = new Map(names);
  }

  /** The same object for the same task. */
  wireTask(task: WireTask): WireTask {
    let wireTask = this.#tasks.get(task);
    if (wireTask === undefined) {
      const [file, suffix] = split(task.module);
      wireTask = { module: (this.#names.get(file) ?? file) + suffix, name: task.name };
      this.#tasks.set(task, wireTask);
    }
    return wireTask;
  }
}

function split(module: string): [string, string] {
  const [, name, suffix] = /^([^?#]*)(.*)$/s.exec(module)!;
  return [name, suffix];
}

/** A module knows itself by its real path. */
function realNameOf(module: string): string[] {
  if (!module.startsWith('file:')) return [];
  try {
    return [pathToFileURL(realpathSync(fileURLToPath(module))).href];
  } catch {
    return []; // It is not there; whoever imports it says so.
  }
}
