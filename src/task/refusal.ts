import { TaskReferenceError } from '../core/errors.ts';

/** Names that no author wrote into a module, or that look as if they came along: what they are, and what to do. */
const remarks: readonly (readonly [RegExp, string])[] = [
  [/^__vi(?:te_ssr)?_/, 'an import, as Vite and vitest rewrite it'],
  [/^__webpack_|__WEBPACK_/, 'an import, as webpack rewrites it'],
  [/^cov_\w+$/, 'a coverage counter of istanbul: use V8 coverage, or leave this file out'],
  [
    /^(?:require|module|exports|__filename|__dirname)$/,
    'given to its CommonJS module: use `await import()` in the function',
  ],
  [/^__[a-z]|^tslib_\d/, 'a helper that the compiler put in: compile for a newer target'],
  [
    /^_(?:async_?to_?generator|await_?async_?generator|call_?super|class_?(?:call_?check|private\w+)|create_?(?:class|super|for_?of_?\w+)|define_?propert\w+|extends|inherits\w*|iterable_?to_?array\w*|object_?(?:spread|without_?properties)\w*|regenerator\w*|sliced_?to_?array|tagged_?template_?literal\w*|to_?(?:array|consumable_?array|property_?key)|ts_\w+|type_?of|wrap_?(?:native_?super|reg_?exp|async_?generator))\d*$/i,
    'a helper that the compiler put in: compile for a newer target',
  ],
];

/** Name of a task whose function has none. */
export const anonymous = 'anonymous';

export interface Refusal {
  readonly name: string;
  /** The function's text, to show which is meant when it has no name. */
  readonly text?: string | undefined;
  /** What is in the way: "it uses `super`". */
  readonly reason: string;
  /** What to do instead, unless it is to name the function with `defineTasks()`. */
  readonly remedy?: string | undefined;
  readonly freeVariables?: readonly string[] | undefined;
  readonly cause?: unknown;
}

/** The documented way, with the function's own name when that can stand in a table. */
function named(name: string): string {
  const isKey = /^(?!default$)[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) && name !== anonymous;
  return `into a module of its own and name it there: defineTasks(import.meta.url, { ${isKey ? name : '…'} })`;
}

/** The error for a function that cannot be sent: what is in the way, and what to do. */
export function notPortable({
  name,
  text,
  reason,
  remedy,
  freeVariables,
  cause,
}: Refusal): TaskReferenceError {
  const message =
    `cannot run ${name === anonymous ? unnamed(text) : `'${name}'`} in a worker: ${reason}. ` +
    (remedy ?? `Put it ${named(name)}.`);
  return new TaskReferenceError('ERR_LEASEPOOL_TASK_NOT_PORTABLE', message, {
    taskName: name,
    freeVariables,
    ...(cause === undefined ? undefined : { cause }),
  });
}

function unnamed(text: string | undefined): string {
  if (text === undefined) return 'this function';
  const line = text.replace(/\s+/g, ' ');
  return line.length > 50 ? `\`${line.slice(0, 50)}…\`` : `\`${line}\``;
}

export interface Uses {
  readonly name: string;
  readonly text?: string | undefined;
  readonly freeVariables: readonly string[];
  readonly usesThis?: boolean | undefined;
}

/** The refusal of a function that uses what is around it: variables, and `this`. */
export function usesSurroundings({ name, text, freeVariables, usesThis = false }: Uses): Refusal {
  if (usesThis && mock.test(name)) {
    const reason = 'it is a mock, which works in the thread of its test only';
    return { name, text, reason, remedy: 'Submit the real function.', freeVariables };
  }
  const shown = freeVariables.slice(0, mostShown).map((variable) => `'${variable}'`);
  if (usesThis) shown.unshift('`this`');
  if (freeVariables.length > mostShown) shown.push(`${freeVariables.length - mostShown} more`);
  const list = shown.length === 1 ? shown[0]! : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)!}`;
  if (freeVariables.length === 0) {
    const reason = 'it uses `this`, and a task is called without one';
    return { name, text, reason, remedy: 'Pass what it needs as arguments.' };
  }
  return {
    name,
    text,
    reason: `it uses ${list} from the scope around it${remarkOn(freeVariables, name)}`,
    remedy: `Pass what it needs as arguments, or put it ${named(name)}.`,
    freeVariables,
  };
}

const mostShown = 5;

/** What vitest and jest call the functions they make. */
const mock = /^(?:Mock|mockConstructor)$/;

function remarkOn(variables: readonly string[], taskName: string): string {
  if (variables.includes(taskName)) {
    return ` ('${taskName}' is itself: write it as function ${taskName}(…) { … })`;
  }
  for (const [pattern, remark] of remarks) {
    const variable = variables.find((name) => pattern.test(name));
    if (variable !== undefined) return ` ('${variable}' is ${remark})`;
  }
  return '';
}
