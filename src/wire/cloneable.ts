import { NotCloneableError } from '../ground/errors.ts';

/** Tells whether one value can be copied; a backend whose transport copies less than structured clone has its own. */
export type CloneTest = (value: unknown) => void;

const byStructuredClone: CloneTest = (value) => void structuredClone(value);

/** Levels searched for the part that cannot be copied. */
const depthLimit = 32;

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
  const path = blame(root, value, test);
  const why = messageOf(cause);
  return new NotCloneableError(
    `${path ?? root} cannot be copied to another thread${why === '' ? '' : `: ${why}`}`,
    { path, cause },
  );
}

function messageOf(cause: unknown): string {
  try {
    return cause instanceof Error ? String(cause.message) : '';
  } catch {
    return '';
  }
}

/** @returns the path of the smallest part of `value` that cannot be copied; `undefined` when every part can */
export function blame(root: string, value: unknown, test: CloneTest = byStructuredClone): string | undefined {
  if (canClone(value, test)) return undefined;
  let path = root;
  let part = value;
  for (let depth = 0; depth < depthLimit; depth++) {
    const guilty = partsOf(part, path).find((each) => !each.readable || !canClone(each.value, test));
    if (guilty === undefined) return path;
    path = guilty.path;
    if (!guilty.readable) return path;
    part = guilty.value;
  }
  return root; // Too deep to name one part: the depth itself is to blame.
}

function canClone(value: unknown, test: CloneTest): boolean {
  try {
    test(value);
    return true;
  } catch {
    return false;
  }
}

interface Part {
  readonly path: string;
  readonly value: unknown;
  /** `false`: its getter threw. */
  readonly readable: boolean;
}

function partsOf(value: unknown, path: string): Part[] {
  if (typeof value !== 'object' || value === null) return [];
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
  const step = Array.isArray(value)
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
