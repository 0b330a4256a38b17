import { Script } from 'node:vm';
import { Object, Set } from '../core/globals.ts';
import type { AnyFunction } from './reference.ts';
import { scopesAround } from './scopes.ts';
import type { SourceText } from './source-text.ts';

/** Words that cannot name a parameter in strict code. */
const reserved = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends ' +
    'false finally for function if implements import in instanceof interface let new null package private protected ' +
    'public return static super switch this throw true try typeof var void while with yield'
  ).split(' '),
);

const canary = 'leasepool_canary';

export interface OuterNames {
  readonly names: readonly string[];
  /** It can reach any name there is: by `eval()`, or `with`. */
  readonly all: boolean;
}

/**
 * The names that a function takes from outside itself, globals included; `undefined` where the runtime does not tell.
 *
 * Every word in the text becomes a parameter of a function around it, and the engine says which of those parameters
 * it had to keep for the inner function. So shadowing, destructuring, labels, property names, strings and comments
 * are as the language has them, without a parser. The inner function is made, and never called.
 */
export function outerNames({ expression, strict }: SourceText): OuterNames | undefined {
  const words = new Set(expression.match(/[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/gu));
  const parameters = [...words, canary].filter((word) => !reserved.has(word));
  const text = `(function (${parameters.join()}) { ${strict ? '"use strict";' : ''} return (${expression}); })`;
  const inner = made(text);
  const scopes = inner && scopesAround(inner);
  if (scopes === undefined) return undefined;
  // The innermost one, when it has any of the parameters. A thread's own top-level `let`s come after it.
  const names = scopes
    .filter(({ description }) => description.startsWith('Closure'))
    .flatMap(({ object }) => Object.keys(object));
  return { names: names.filter((name) => name !== canary), all: names.includes(canary) };
}

function made(text: string): AnyFunction | undefined {
  try {
    // Not `vm.compileFunction()`, which ends the process over a parameter outside the basic plane ('𠮷').
    const around = new Script(text, { filename: 'leasepool:check' }).runInThisContext() as () => AnyFunction;
    return around();
  } catch {
    return undefined; // More words than a function may have parameters.
  }
}

/** Those of the names that are variables around the function: of its module, of functions and blocks around it. */
export function declaredAround(task: AnyFunction, names: readonly string[]): readonly string[] {
  const scopes = scopesAround(task) ?? [];
  return names.filter((name) => scopes.some(({ object }) => Object.hasOwn(object, name)));
}
