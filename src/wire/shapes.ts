import { defineField } from '../core/define-field.ts';
import { clonesToPlain, isData, isSurelyData, looksPlain } from './plain-data.ts';
import { Array, Object, String } from '../core/globals.ts';

/** What trees can have in common, as it travels. */
export interface Shape {
  /** A plain object or array with their keys and nothing in it. What is made of this shape begins as a copy of it. */
  readonly blank: object;
  /** What stands at the keys: `null` for a leaf. All are leaves when it is left out. */
  readonly parts: readonly (Shape | null)[] | undefined;
}

/** The same, spelled out. */
export interface KnownShape {
  readonly shape: Shape;
  /** Of an object, in their order; `undefined` for an array. */
  readonly keys: readonly string[] | undefined;
  readonly parts: readonly (KnownShape | null)[];
}

/** Parts and objects one tree may have. Cloning a larger one costs more than a message of its own. */
const partLimit = 64;
const objectLimit = 16;
/** Shapes that are remembered: to learn one costs as much as to clone a tree or two. */
const knownLimit = 32;
/** Values with the keys of one that was no tree are not looked at again, except for every so many. */
const refusalsInARow = 64;

// As they are before any job: one might replace them.
const { keys: keysOf, values: valuesOf } = Object;
const { isArray } = Array;

/** A look at values that are copied together. */
export class Traversal {
  /** Objects met, to tell a tree from anything that meets itself again. */
  readonly objects: unknown[] = [];
  /** Parts that {@link inferShape} may still find. */
  partsLeft: number = partLimit;
}

const knownShapes: KnownShape[] = [];
let refusedKeys: readonly string[] | undefined;
let refusals = 0;

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

export function isLeaf(value: unknown): boolean {
  return !isObject(value) && typeof value !== 'function' && typeof value !== 'symbol';
}

/**
 * Adds the leaves of a tree.
 *
 * @param likely its shape, perhaps
 * @returns its shape; `undefined` when it is no tree, and then nothing has been added
 */
export function flatten(
  value: object,
  likely: KnownShape | undefined,
  leaves: unknown[],
  walk: Traversal,
): KnownShape | undefined {
  if (likely !== undefined && fits(value, likely, leaves, walk)) return likely;
  const keys = looksPlain(value) ? plainKeys(value) : undefined;
  if (keys === undefined) return undefined;
  for (const known of knownShapes)
    if (known !== likely && hasKeys(value, keys, known) && fits(value, known, leaves, walk)) return known;
  const learned = inferTreeShape(value, keys);
  return learned !== undefined && fits(value, learned, leaves, walk) ? learned : undefined;
}

/** Spells out a shape that has travelled. */
export function knownShape(shape: Shape): KnownShape {
  const keys = keysOf(shape.blank);
  const parts = shape.parts?.map((part) => part && knownShape(part)) ?? keys.map(() => null);
  return { shape, keys: isArray(shape.blank) ? undefined : keys, parts };
}

function fits(value: object, known: KnownShape, leaves: unknown[], walk: Traversal): boolean {
  const { objects } = walk;
  const objectsBefore = objects.length;
  const leavesBefore = leaves.length;
  if (matches(value, known, leaves, walk) && clonesToPlain(value)) return true;
  objects.length = objectsBefore;
  leaves.length = leavesBefore;
  return false;
}

/** Adds the leaves of a tree that has this shape; of any other, some of them. */
function matches(value: unknown, known: KnownShape, leaves: unknown[], walk: Traversal): boolean {
  if (!isFirstVisit(value, walk)) return false;
  const keys = plainKeys(value);
  if (keys === undefined || !hasKeys(value, keys, known) || !isData(value, keys)) return false;
  const { parts } = known;
  const values: readonly unknown[] = isArray(value) ? value : valuesOf(value);
  for (let i = 0; i < parts.length; i++) {
    const part = values[i];
    const inner = parts[i];
    if (inner !== null) {
      if (!matches(part, inner, leaves, walk)) return false;
    } else if (isLeaf(part)) leaves.push(part);
    else return false;
  }
  return true;
}

function inferTreeShape(value: object, keys: readonly string[]): KnownShape | undefined {
  if (refusedKeys !== undefined && sameKeys(keys, refusedKeys) && refusals++ < refusalsInARow)
    return undefined;
  const learned = inferShape(value, new Traversal());
  if (learned === undefined) {
    refusedKeys = keys;
    refusals = 0;
    return undefined;
  }
  knownShapes.unshift(learned);
  if (knownShapes.length > knownLimit) knownShapes.pop();
  return learned;
}

/** @returns the shape of a tree; `undefined` when it is none */
function inferShape(value: unknown, walk: Traversal): KnownShape | undefined {
  if (!isFirstVisit(value, walk)) return undefined;
  const keys = plainKeys(value);
  if (keys === undefined || keys.includes('__proto__') || !isSurelyData(value, keys)) return undefined;
  walk.partsLeft -= keys.length;
  if (walk.partsLeft < 0) return undefined;
  const parts: (KnownShape | null)[] = [];
  for (const part of valuesOf(value)) {
    const known = isLeaf(part) ? null : inferShape(part, walk);
    if (known === undefined) return undefined;
    parts.push(known);
  }
  const isFlat = parts.every((part) => part === null);
  const shape = {
    blank: blankOf(value, keys),
    parts: isFlat ? undefined : parts.map((part) => part && part.shape),
  };
  return { shape, keys: isArray(value) ? undefined : keys, parts };
}

function blankOf(value: object, keys: readonly string[]): object {
  const blank = isArray(value) ? [] : {};
  for (const key of keys) defineField(blank, key, undefined, true);
  return blank;
}

/** An object not met before, which can be looked at. */
function isFirstVisit(value: unknown, { objects }: Traversal): value is object {
  if (!isObject(value) || objects.length === objectLimit) return false;
  if (objects.includes(value) || !looksPlain(value)) return false;
  objects.push(value);
  return true;
}

/** Of what {@link looksPlain}, and is no large array or one with gaps or keys of its own. */
function plainKeys(value: object): readonly string[] | undefined {
  if (!isArray(value)) return keysOf(value);
  const { length } = value;
  if (length > partLimit) return undefined;
  const keys = keysOf(value);
  // Indices come first: when the last of `length` keys is the last index, there are no gaps and no other keys.
  return keys.length === length && (length === 0 || keys[length - 1] === String(length - 1))
    ? keys
    : undefined;
}

function hasKeys(value: object, keys: readonly string[], known: KnownShape): boolean {
  if (keys.length !== known.parts.length || isArray(value) !== (known.keys === undefined)) return false;
  return known.keys === undefined || sameKeys(keys, known.keys);
}

function sameKeys(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}
