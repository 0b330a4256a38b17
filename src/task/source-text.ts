import { types } from 'node:util';
import { Script } from 'node:vm';
import { Array, Function, Object } from '../core/globals.ts';
import type { AnyFunction } from './reference.ts';
import { anonymous } from './refusal.ts';

/** A function's text as an expression, which gives the same function wherever it is evaluated. */
export interface SourceText {
  readonly expression: string;
  readonly strict: boolean;
  /** It uses `this` itself, which a task is called without. */
  readonly usesThis: boolean;
}

/** Why a text cannot stand alone. */
export interface NotASource {
  /** What is in the way: "it uses `super`". */
  readonly reason: string;
  /** What to do instead, unless it is to name the function with `defineTasks()`. */
  readonly remedy?: string | undefined;
}

/** The text of any function, whatever `toString` it carries itself. */
export function textOf(task: AnyFunction): string {
  return Function.prototype.toString.call(task);
}

/** Not read through the function, whose `name` may be a getter. */
export function nameOf(task: AnyFunction): string {
  const name: unknown = Object.getOwnPropertyDescriptor(task, 'name')?.value;
  return typeof name === 'string' && name !== '' ? name : anonymous;
}

const legacyCaller = Object.getOwnPropertyDescriptor(Function.prototype, 'caller')?.get;

/**
 * Whether the function is in sloppy mode, as far as that shows: it does not on arrow functions and methods, which count
 * as strict. Sloppy functions have a `caller`, as their own up to Node 24, later by a getter that throws for the others.
 */
export function isSloppy(task: AnyFunction, text: string): boolean {
  if (!text.startsWith('function')) return false;
  if (Object.hasOwn(task, 'caller')) return true;
  try {
    legacyCaller?.call(task);
    return legacyCaller !== undefined;
  } catch {
    return false;
  }
}

/**
 * Turns a function's text into an expression. What the text means is left to the engine's own parser:
 * candidates are compiled, never run, and the first that compiles is taken.
 */
export function sourceText(task: AnyFunction, text: string): SourceText | NotASource {
  if (/\{\s*\[native code\]\s*\}$/.test(text)) return noText(task, nameOf(task));
  if (/^class\b/.test(text)) {
    return { reason: 'it is a class', remedy: 'Pass a function, which may create an object of it.' };
  }
  const expression = compiles(`(${text})`) ? text : fromMethod(task, text);
  if (expression === undefined) return { reason: whyNot(text) };
  if (/\bimport\s*\((?:\s|\/\*.*?\*\/|\/\/.*?\n)*['"`][.#]/s.test(expression)) {
    return { reason: 'it imports a module by a relative path, and its text does not say relative to what' };
  }
  return {
    expression,
    strict: !isSloppy(task, text) && compiles(`"use strict";(${expression})`),
    usesThis: usesOwnThis(task, expression),
  };
}

function noText(task: AnyFunction, name: string): NotASource {
  if (name.startsWith('bound ')) {
    return { reason: 'it is a bound function', remedy: 'Pass what it is bound to as arguments.' };
  }
  const call = pathTo(task, name);
  return {
    reason: 'it is a native function, which has no source text',
    remedy: `Call it in a function of your own: (...args) => ${call}(...args).`,
  };
}

/** How to call a native function: `Math.max`, as far as it is one of a global object. */
function pathTo(task: AnyFunction, name: string): string {
  if (name === anonymous) return 'it';
  const globals = Object.entries(Object.getOwnPropertyDescriptors(globalThis));
  const owner = globals.find(([, { value }]) => value !== globalThis && owns(value, name, task));
  return owner === undefined ? name : `${owner[0]}.${name}`;
}

function owns(holder: unknown, name: string, task: AnyFunction): boolean {
  if (!(holder instanceof Object) || types.isProxy(holder)) return false;
  return Object.getOwnPropertyDescriptor(holder, name)?.value === task;
}

/** Candidates tried before a text counts as one that cannot be rewritten. */
const mostAttempts = 64;

/** `name(a) {…}`, `get [key]() {…}` as `function (a) {…}`, `undefined` when that is not possible. */
function fromMethod(task: AnyFunction, text: string): string | undefined {
  const parameters = fromParameters(task, text);
  return parameters === undefined ? undefined : `${keywords(task)} ${parameters}`;
}

/** The text from its parameter list on: from the first `(` at which a whole function begins. Earlier ones stand in comments and computed names. */
function fromParameters(task: AnyFunction, text: string): string | undefined {
  let at = text.indexOf('(');
  for (let attempts = 0; at !== -1 && attempts < mostAttempts; attempts++) {
    const rest = text.slice(at);
    if (compiles(`(${keywords(task)} ${rest})`)) return rest;
    at = text.indexOf('(', at + 1);
  }
  return undefined;
}

function keywords(task: AnyFunction): string {
  return `${types.isAsyncFunction(task) ? 'async ' : ''}function${types.isGeneratorFunction(task) ? '*' : ''}`;
}

/**
 * Whether `this` is used by the function itself, not only by functions and classes inside it.
 *
 * `arguments` is bound by the very functions that bind `this`, and is a syntax error in a class field unless one of
 * them stands in between: so each `this` is replaced by it in turn, with the function written as an arrow function.
 */
function usesOwnThis(task: AnyFunction, expression: string): boolean {
  if (!/\bthis\b/.test(expression)) return false;
  const text = isArrow(expression) ? expression : asArrow(task, expression);
  // A generator has no arrow form. Its result could not be sent anyway.
  if (text === undefined) return true;
  const arrow = text.replace(/\barguments\b/g, 'arguments_');
  if (compiles(`(class{static probe=${arrow.replace(/\bthis\b/g, 'arguments')}})`)) return false;
  return Array.from(arrow.matchAll(/\bthis\b/g)).some(({ index }) => {
    const probe = `${arrow.slice(0, index)}arguments${arrow.slice(index + 4)}`;
    // In a field of a class inside the function it is an error anyway, and no use of the function's own.
    return !compiles(`(class{static probe=${probe}})`) && compiles(`(function(){return(${probe})})`);
  });
}

function isArrow(expression: string): boolean {
  return !/^(?:async(?:\s|\/\*.*?\*\/|\/\/.*?\n)+)?function\b/s.test(expression);
}

/** `(a) => {…}` with the function's own parameters and body. */
function asArrow(task: AnyFunction, expression: string): string | undefined {
  const text = fromParameters(task, expression);
  if (text === undefined) return undefined;
  const async = types.isAsyncFunction(task) ? 'async' : '';
  let attempts = 0;
  for (let body = text.indexOf('{'); body !== -1; body = text.indexOf('{', body + 1)) {
    for (let end = text.lastIndexOf(')', body); end !== -1; end = text.lastIndexOf(')', end - 1)) {
      const arrow = `${async}${text.slice(0, end + 1)}=>${text.slice(body)}`;
      if (compiles(`(${arrow})`)) return arrow;
      if (++attempts === mostAttempts) return undefined;
    }
  }
  return undefined;
}

const oddities: readonly (readonly [RegExp, string])[] = [
  [/\bsuper\b/, '`super`'],
  [/\bimport\s*\.\s*meta\b/, '`import.meta`'],
  [/\bnew\s*\.\s*target\b/, '`new.target` of the function around it'],
  [/#[\p{ID_Start}$_]/u, 'a private name of its class'],
];

function whyNot(text: string): string {
  const found = oddities.find(([pattern]) => pattern.test(text));
  if (found !== undefined) return `it uses ${found[1]}`;
  return `its source text does not stand alone (${syntaxError(`(${text})`)?.message})`;
}

function compiles(text: string): boolean {
  return syntaxError(text) === undefined;
}

function syntaxError(text: string): Error | undefined {
  try {
    return void new Script(text, { filename: 'leasepool:check' });
  } catch (error) {
    return error as Error;
  }
}
