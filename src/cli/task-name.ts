import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface TaskName {
  /** A `file:` URL, or the specifier of a package. */
  readonly module: string;
  readonly name: string;
}

/**
 * Reads `module#name`; without a name it is the default export. A module is a path or a `file:` URL, or else a
 * package. Pure: `isFile` says what is there.
 */
export function readTaskName(text: string, folder: string, isFile: (path: string) => boolean): TaskName {
  const hash = text.lastIndexOf('#');
  const module = hash === -1 ? text : text.slice(0, hash);
  const name = hash === -1 ? 'default' : text.slice(hash + 1);
  const path = resolve(folder, module);
  const isPath =
    /^\.{0,2}[/\\]/.test(module) || isAbsolute(module) || (isScheme(module) === false && isFile(path));
  return { module: isPath ? pathToFileURL(path).href : module, name };
}

const isScheme = (module: string): boolean => /^[a-z][a-z\d+.-]+:/i.test(module);
