import { parse } from 'acorn';
import { analyze } from 'eslint-scope';
import { expect, it } from 'vitest';
import { outerNames } from '../../../src/task/free-variables.ts';
import { sourceText, textOf } from '../../../src/task/source-text.ts';
import type { AnyFunction } from '../../../src/task/reference.ts';

/**
 * Packages as they are published: from tsc as ES modules and as CommonJS, from rollup, from rolldown, and as they
 * were written. Nobody made their functions up for a test, and a parser with a scope analyser judges them.
 */
const packages = [
  { name: 'fast-check', functions: 150 },
  { name: 'prom-client', functions: 50 },
  { name: 'workerpool', functions: 10 },
  { name: '@opentelemetry/sdk-metrics', functions: 25 },
  { name: 'tinypool', functions: 5 },
];

/** Every function that can be reached from the exports, one of each text. */
function functionsOf(exports: object): readonly AnyFunction[] {
  const seen = new Set<unknown>();
  const found = new Map<string, AnyFunction>();
  const look = (value: unknown, depth: number): void => {
    if (!(value instanceof Object) || seen.has(value) || depth > 4) return;
    seen.add(value);
    if (typeof value === 'function') found.set(textOf(value as AnyFunction), value as AnyFunction);
    for (const { value: part, get } of Object.values(Object.getOwnPropertyDescriptors(value)))
      look(part ?? get, depth + 1);
  };
  for (const each of Object.values(exports)) look(each, 0);
  return [...found.values()];
}

/** The names an expression takes from outside, by the book. */
function namesByAnalyser(expression: string): readonly string[] {
  const sourceType = 'module';
  const tree = parse(`(${expression})`, { ecmaVersion: 'latest', sourceType, ranges: true });
  const { globalScope } = analyze(tree as Parameters<typeof analyze>[0], { ecmaVersion: 2024, sourceType });
  return [...new Set(globalScope!.through.map(({ identifier }) => (identifier as { name: string }).name))];
}

it.each(packages)(
  'N7 the names that functions of $name use are those that a scope analyser finds',
  async ({ name, functions }) => {
    let compared = 0;
    for (const task of functionsOf((await import(name)) as object)) {
      const source = sourceText(task, textOf(task));
      // A class, a native function, one with `super`: refused without a look at its names.
      if ('reason' in source) continue;
      const found = outerNames(source);
      if (found?.all) continue;
      // `arguments` is no name that a parameter may have; V8 takes some `async` for a name, which costs a look around.
      const asSet = (names: readonly string[] = []): Set<string> =>
        new Set(names.filter((used) => used !== 'arguments' && used !== 'async'));
      expect(asSet(found?.names), source.expression).toEqual(asSet(namesByAnalyser(source.expression)));
      compared++;
    }
    expect(compared).toBeGreaterThan(functions);
  },
);
