import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Transferable as NodeTransferable } from 'node:worker_threads';
import { TaskReferenceError } from '../core/errors.ts';
import { URL } from '../core/globals.ts';

/** Where tasks live: `import.meta.url`, `import.meta`, `__filename`, a CommonJS `module`, or a file URL. */
export type ModuleLocation = string | URL | { readonly url: string } | { readonly filename: string };

/** Anything `postMessage()` can move instead of copy. */
export type Transferable = NodeTransferable;

declare const taskTypes: unique symbol;

/** A function named by module and export: plain data, so it can be written by hand, stored, or sent to another thread. */
export interface TaskRef<A extends readonly unknown[] = readonly any[], R = unknown> {
  /** Absolute `file:` URL (or a bare package specifier) of the module. */
  readonly module: string;
  /** Key given to `defineTasks()`, or the export's name (`"default"` for the default export). Own names only. */
  readonly name: string;
  /** Types only; never present at run time. */
  readonly [taskTypes]?: (...args: A extends readonly [...infer T] ? T : never) => R;
}

/** What can be submitted: a function, or a {@link TaskRef}. */
export type Task<A extends readonly unknown[], R> = ((...args: [...A]) => R) | TaskRef<A, R>;

export type AnyFunction = (...args: any[]) => unknown;

/** The functions of a module (or of a `defineTasks()` table) as task references. */
export type TaskModule<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends (...args: infer A) => infer R
    ? TaskRef<A, R>
    : never;
};

/**
 * The one spelling of a location: an absolute `file:` URL, or a bare specifier (of a package or of Node itself),
 * which workers resolve. A query and a hash stay, because they name another evaluation of the file.
 */
export function moduleString(location: unknown, taskName = ''): string {
  const text = textOf(location);
  const refuse = (problem: string): TaskReferenceError =>
    new TaskReferenceError('ERR_LEASEPOOL_TASK_MODULE', problem, { taskName });
  if (text === undefined || text === '') {
    throw refuse(
      'a task needs the URL of its module, and this one is empty. A bundler that writes CommonJS empties import.meta: ' +
        'pass __filename, or make the module with the tasks an entry of its own.',
    );
  }
  if (isAbsolute(text)) return pathToFileURL(text).href;
  if (text.startsWith('file:')) return fileURL(text) ?? fail(refuse(`${text} is not a valid file: URL.`));
  if (/^\.{0,2}[/\\#]/.test(text) || text.startsWith('.')) {
    throw refuse(
      `module '${text}' is relative, and workers do not know to what: use new URL('${text}', import.meta.url).`,
    );
  }
  // Two letters at least, so that a Windows drive is not taken for a scheme.
  const scheme = /^([a-z][a-z\d+.-]+):/i.exec(text)?.[1];
  if (scheme !== undefined && scheme !== 'node') {
    throw refuse(`workers load tasks from file: URLs and packages, not from ${scheme}: (${text}).`);
  }
  return text;
}

function textOf(location: unknown): string | undefined {
  if (typeof location === 'string') return location;
  if (typeof location !== 'object' || location === null) return undefined;
  // By shape: a URL may come from another realm, as in test environments.
  const { href, url, filename } = location as Record<'href' | 'url' | 'filename', unknown>;
  return [href, url, filename].find((part) => typeof part === 'string');
}

function fileURL(text: string): string | undefined {
  return URL.canParse(text) ? new URL(text).href : undefined;
}

function fail(error: Error): never {
  throw error;
}
