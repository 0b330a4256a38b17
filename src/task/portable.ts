import { JSON, Map, Object, RegExp } from '../core/globals.ts';
import { hasField } from '../wire/frame.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { declaredAround, outerNames } from './free-variables.ts';
import type { AnyFunction } from './reference.ts';
import { usesSurroundings } from './refusal.ts';
import type { Refusal } from './refusal.ts';
import { mainGlobal } from './scopes.ts';
import { isSloppy, nameOf, sourceText, textOf } from './source-text.ts';
import type { SourceText } from './source-text.ts';

/** What a function's text alone tells. */
interface Reading {
  readonly found: ResolvedTask | Refusal;
  /** Names it uses that are fine unless a variable around the function has them too. */
  readonly suspects: readonly string[];
  /** How many functions of this text had no such variable. */
  cleared: number;
}

/**
 * Functions of one text are mostly made by one piece of code, in one scope (an arrow function written into a call,
 * say), so after this many the scopes of further ones are not read. It keeps such calls cheap.
 */
const clearedToTrust = 4;

const readings = new Map<string, Reading>();
/** Enough for the functions written in a program; a program that writes functions itself must not pile them up here. */
const readingsKept = 1000;

/** A self-contained function as source text, or why it is not one. Never runs the function. */
export function portableTask(task: AnyFunction): ResolvedTask | Refusal {
  const text = textOf(task);
  const name = nameOf(task);
  const key = `${isSloppy(task, text) ? 'sloppy' : ''} ${name}\n${text}`;
  let reading = readings.get(key);
  if (reading === undefined) {
    reading = read(task, name, text);
    if (readings.size === readingsKept) readings.clear();
    readings.set(key, reading);
  }
  if (reading.suspects.length > 0 && reading.cleared < clearedToTrust) {
    const hidden = declaredAround(task, reading.suspects);
    if (hidden.length > 0) return usesSurroundings({ name, text, freeVariables: hidden });
    reading.cleared++;
  }
  return reading.found;
}

function read(task: AnyFunction, name: string, text: string): Reading {
  const source = sourceText(task, text);
  if (hasField(source, 'reason')) return refused({ name, text, ...source });
  const outer = outerNames(source);
  if (outer?.all) {
    return refused({ name, text, reason: 'it calls eval(), which may use any variable around it' });
  }
  // The compilers' own: esbuild and tsx name functions by it. It is sent along.
  const names = outer?.names.filter((used) => used !== '__name') ?? [];
  const suspects = names.filter((used) => used in mainGlobal || mayBeMissing(used, text));
  const missing = names.filter((used) => !suspects.includes(used));
  const { usesThis } = source;
  if (missing.length > 0 || usesThis) {
    const freeVariables = [...missing, ...declaredAround(task, suspects)];
    return refused(usesSurroundings({ name, text, usesThis, freeVariables }));
  }
  return {
    found: Object.freeze({ kind: 'source', source: evaluates(name, source), name }),
    suspects,
    cleared: 0,
  };
}

function refused(refusal: Refusal): Reading {
  return { found: refusal, suspects: [], cleared: 0 };
}

/** A text whose value is the function, under its name: stack traces show it. */
function evaluates(name: string, { expression, strict }: SourceText): string {
  const key = JSON.stringify(name);
  const named = `({[${key}]:${expression}})[${key}]`;
  const helped = /\b__name\b/.test(expression) ? `((__name)=>${named})((named)=>named)` : named;
  return strict ? `"use strict";${helped}` : helped;
}

/** `typeof window` is no use of a variable where there is none, and V8 takes some an `async` function for a use of `async`. */
function mayBeMissing(name: string, text: string): boolean {
  return name === 'async' || new RegExp(`\\btypeof\\s+${name.replaceAll('$', '\\$')}(?![\\w$])`).test(text);
}
