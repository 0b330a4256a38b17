// Functions as an application has them in its modules: not tasks by name, and most not self-contained.
import * as path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import util, { format as toText } from 'node:util';

const factor = 3;
export let counter = 0;

export const selfContained = (value) => Math.sqrt(value) + [1, 2].reduce((a, b) => a + b, 0);
export const usesConstant = (value) => value * factor;
export const usesExport = () => ++counter;
export const usesHiddenGlobal = () => performance.now();
export const usesHiddenTimer = () => setTimeout(1);
export const usesNamespace = (name) => path.join('a', name);
export const usesDefaultImport = () => util.inspect(1);
export const usesNamedImport = () => toText('%s', 1);
export const usesItself = (n) => (n < 2 ? 1 : n * usesItself(n - 1));
export function callsNeighbour(value) {
  return usesConstant(value);
}
export const usesLate = () => late;
const late = 1;
export const usesImportMeta = () => import.meta.url;

/** Each call makes another function of the same text. */
export const makeRounding = () => (value) => Math.round(value);
export const makeRoundingWithOwnMath = (Math) => (value) => Math.round(value);
export const makeScaling = (scale) => (value) => value * scale;
