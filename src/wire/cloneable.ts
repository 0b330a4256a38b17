import { NotCloneableError } from '../core/errors.ts';
import { isError } from './error-classes.ts';
import {
  Array,
  ArrayBuffer,
  DOMException,
  Error,
  JSON,
  Map,
  Object,
  Set,
  String,
  structuredClone,
} from '../core/globals.ts';

/** Tells whether one value can be copied; a backend whose transport copies less than structured clone has its own. */
export type CloneTest = (value: unknown) => void;

const byStructuredClone: CloneTest = (value) => void structuredClone(value);

/** Levels searched for the part that cannot be copied. */
const depthLimit = 32;
/** Parts looked at on the way. */
const partLimit = 10_000;
/** Characters of a reason that are shown. */
const reasonLimit = 200;

/**
 * The error for a value that could not be copied, with the path of the part that is to blame.
 *
 * @param root what the value is: `args[0]`, `result`
 */
export function notCloneable(
  root: string,
  value: unknown,
  cause: unknown,
  test: CloneTest = byStructuredClone,
): NotCloneableError {
  const path = findUncloneablePart(root, value, test);
  const why = brief(messageOf(cause));
  const message = `${path ?? root} cannot be copied${why === '' ? '' : `: ${why}`}`;
  return new NotCloneableError(message, { path, cause: briefly(cause, why) });
}

function messageOf(cause: unknown): string {
  try {
    return cause instanceof Error ? String(cause.message) : '';
  } catch {
    return '';
  }
}

const refusal = ' could not be cloned.';

/** V8 shows the whole source of a function that it refuses. Its first line tells which one it is. */
function brief(reason: string): string {
  const end = reason.endsWith(refusal) ? refusal : '';
  const [line] = reason.slice(0, reason.length - end.length).split('\n', 1);
  const shown = line.slice(0, reasonLimit);
  return shown.length + end.length === reason.length ? reason : `${shown}…${end}`;
}

/** The cause, without such a source. */
function briefly(cause: unknown, why: string): unknown {
  return messageOf(cause).endsWith(refusal) && why.includes('…')
    ? new DOMException(why, 'DataCloneError')
    : cause;
}

/** @returns the path of the smallest part of `value` that cannot be copied; `undefined` when every part can */
export function findUncloneablePart(
  root: string,
  value: unknown,
  test: CloneTest = byStructuredClone,
): string | undefined {
  if (canClone(value, test)) return undefined;
  return new PartFinder(test).find({ path: root, value, readable: true }, 0) ?? root;
}

/** A search for the part that is to blame: the first that cannot be copied although all that it is made of can. */
class PartFinder {
  readonly #test: CloneTest;
  /** What leads back to what is being looked at is not to blame for it. */
  readonly #met = new Set<unknown>();

  constructor(test: CloneTest) {
    this.#test = test;
  }

  /** @param part something that cannot be copied */
  find({ path, value, readable }: Part, depth: number): string | undefined {
    if (!readable || !isObject(value)) return path;
    if (this.#met.has(value) || this.#met.size === partLimit) return undefined;
    this.#met.add(value);
    if (isOfError(value)) return undefined; // Errors travel in a way of their own.
    const guilty = depth < depthLimit ? partsOf(value, path) : undefined;
    if (guilty === undefined) return undefined; // Too deep to name one part.
    let isItself = true;
    for (const part of guilty) {
      if (part.readable && canClone(part.value, this.#test)) continue;
      const found = this.find(part, depth + 1);
      if (found !== undefined) return found;
      isItself = false;
    }
    return isItself ? path : undefined;
  }
}

function canClone(value: unknown, test: CloneTest): boolean {
  try {
    test(value);
    return true;
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isOfError(value: object): boolean {
  try {
    return isError(value);
  } catch {
    return false; // A proxy whose traps throw.
  }
}

interface Part {
  readonly path: string;
  readonly value: unknown;
  /** `false`: its getter threw. */
  readonly readable: boolean;
}

function partsOf(value: object, path: string): Part[] {
  // A view has a part for each of its bytes.
  if (ArrayBuffer.isView(value)) return [];
  try {
    if (value instanceof Map) {
      return [...value].flatMap(([key, each], index) => [
        { path: `${path}.keys()[${index}]`, value: key, readable: true },
        { path: `${path}.get(${String(key)})`, value: each, readable: true },
      ]);
    }
    if (value instanceof Set)
      return [...value].map((each, index) => ({
        path: `${path}.values()[${index}]`,
        value: each,
        readable: true,
      }));
    return Object.keys(value).map((key) => propertyOf(value, key, path));
  } catch {
    return [];
  }
}

function propertyOf(value: object, key: string, path: string): Part {
  const step =
    Array.isArray(value) && /^\d+$/.test(key)
      ? `[${key}]`
      : /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
        ? `.${key}`
        : `[${JSON.stringify(key)}]`;
  try {
    return { path: path + step, value: (value as Record<string, unknown>)[key], readable: true };
  } catch {
    return { path: path + step, value: undefined, readable: false };
  }
}
