import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { allRooms, integrations, mayEnter, roomOf } from '../../scripts/rooms.mjs';

interface Module {
  readonly path: string;
  readonly code: readonly string[];
  readonly imports: readonly string[];
}

const isCode = (line: string): boolean => !/^\s*(\/\/|\/\*|\*[\s/]|\*?$)/.test(line);

function importsOf(code: readonly string[]): string[] {
  return [...code.join('\n').matchAll(/\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map(
    (match) => match[1]!,
  );
}

function readModule(path: string): Module {
  const code = readFileSync(path, 'utf8').split('\n').filter(isCode);
  return { path, code, imports: importsOf(code) };
}

const modules = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readModule(posix.join('src', path.replaceAll('\\', '/'))));

const steps = modules.flatMap(({ path, imports }) =>
  imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => ({ from: path, to: posix.join(posix.dirname(path), specifier) })),
);

test('the check reads real modules and sees what it looks for', () => {
  expect(modules.length).toBeGreaterThan(20);
  expect(steps.length).toBeGreaterThan(40);
  const spellings = [
    "} from '../a.ts';",
    "import '../b.ts';",
    "await import('../c.ts')",
    " * from '../comment.ts'",
  ];
  expect(importsOf(spellings.filter(isCode))).toEqual(['../a.ts', '../b.ts', '../c.ts']);
  expect(mayEnter('core', 'lease')).toBe(false);
});

test('every module is in a room of scripts/rooms.mjs', () => {
  expect(modules.filter(({ path }) => !allRooms.includes(roomOf(path)!))).toEqual([]);
});

test('an import only goes down, to a module that exists', () => {
  const known = new Set(modules.map((module) => module.path));
  const wrong = steps.filter(({ from, to }) => !known.has(to) || !mayEnter(roomOf(from)!, roomOf(to)!));
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
});

test('the core imports nothing but itself and Node', () => {
  const core = modules.filter(({ path }) => !integrations.includes(roomOf(path)!));
  const foreign = core.flatMap(({ imports }) => imports.filter((name) => !/^(\.|node:)/.test(name)));
  expect(foreign).toEqual([]);
});

test('no file has more than 300 lines of code', () => {
  expect(modules.filter(({ code }) => code.length > 300).map(({ path }) => path)).toEqual([]);
});
