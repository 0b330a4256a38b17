import { types } from 'node:util';

/**
 * Small trees of plain objects and arrays travel as their leaves, with the shape that many of them share beside them:
 * a list of numbers and strings is cloned in a fraction of the time that objects take, whose keys are written and
 * looked up one by one. What arrives is what a structured clone makes. Whatever has an identity, a class or internals
 * of its own, or cannot be copied at all, is left to the real thing.
 */

/** What trees can have in common. */
export interface Shape {
  /** Of an object, in their order; `undefined` for an array. */
  readonly keys: readonly string[] | undefined;
  /** What stands there; `null` for a leaf. */
  readonly parts: readonly (Shape | null)[];
}

/** How to make values of what travels. */
export interface Trees {
  /** Number of values. */
  readonly count: number;
  readonly shapes: readonly Shape[];
  /** For all values or for each: 0 when it travels as it is, else the number of its shape, counted from 1. */
  readonly shapeOf: number | readonly number[];
}

export interface PackedValues {
  /** Those that travel as they are, and the leaves of the others in their place. */
  readonly values: readonly unknown[];
  readonly trees: Trees | undefined;
}

/** Stands for "no copy was made". */
export const noSnapshot: unique symbol = Symbol('no snapshot');

/** Parts and objects one tree may have. Cloning a larger one costs more than a message of its own. */
const partLimit = 64;
const objectLimit = 16;
/** Different shapes in one message: to look through more costs what they save. */
const shapeLimit = 8;
/** Fewer values are not worth the shapes that would travel beside them. */
const fewestValues = 4;

const { isProxy } = types;
const tagOf = Object.prototype.toString;

/** A look at values that are copied together. Getters may begin another one meanwhile. */
class Walk {
  /** Objects met, to tell a tree from anything that meets itself again. */
  readonly objects: unknown[] = [];
  /** Parts that {@link learn} may still find. */
  partsLeft = partLimit;
}

/** The next leaf that {@link build} takes. */
let place = 0;
/** Of the last snapshot: the results of a task are mostly alike. */
let lastShape: Shape | undefined;

/** A copy of a small tree; of anything else, {@link noSnapshot}. */
export function snapshot(value: unknown): unknown {
  if (isLeaf(value)) return value;
  try {
    const leaves: unknown[] = [];
    let shape = lastShape;
    if (shape === undefined || !matches(value, shape, leaves, new Walk())) {
      leaves.length = 0;
      shape = learn(value, new Walk());
      if (shape === undefined || !matches(value, shape, leaves, new Walk())) return noSnapshot;
      lastShape = shape;
    }
    place = 0;
    return build(shape, leaves);
  } catch {
    return noSnapshot; // A getter threw.
  }
}

/**
 * @param group values that are copied together, so that what they share stays shared: as many of all, or of each group
 */
export function packTrees(values: readonly unknown[], group: number | readonly number[] = 1): PackedValues {
  if (values.length >= fewestValues && hasObject(values)) {
    const packer = new Packer(values);
    for (let start = 0, each = 0; start < values.length; each++) {
      const end = start + (typeof group === 'number' ? group : group[each]);
      packer.add(start, end);
      start = end;
    }
    if (packer.shapes.length > 0) return packer.packed;
  }
  return { values, trees: undefined };
}

export function unpackTrees({ values, trees }: PackedValues): readonly unknown[] {
  if (trees === undefined) return values;
  const { count, shapes, shapeOf } = trees;
  const unpacked: unknown[] = [];
  place = 0;
  for (let index = 0; index < count; index++) {
    const number = typeof shapeOf === 'number' ? shapeOf : shapeOf[index];
    unpacked.push(number === 0 ? values[place++] : build(shapes[number - 1], values));
  }
  return unpacked;
}

class Packer {
  readonly shapes: Shape[] = [];
  readonly #values: readonly unknown[];
  readonly #leaves: unknown[] = [];
  readonly #shapeOf: number[] = [];
  readonly #walk = new Walk();

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  get packed(): PackedValues {
    const [first] = this.#shapeOf;
    const isSame = this.#shapeOf.every((number) => number === first);
    const shapeOf = isSame ? first : this.#shapeOf;
    return { values: this.#leaves, trees: { count: this.#values.length, shapes: this.shapes, shapeOf } };
  }

  /** Adds a group of values: all their trees by their leaves, or everything as it is. */
  add(start: number, end: number): void {
    const leavesBefore = this.#leaves.length;
    this.#walk.objects.length = 0;
    let index = start;
    while (index < end && this.#addValue(this.#values[index])) index++;
    if (index === end) return;
    this.#leaves.length = leavesBefore;
    this.#shapeOf.length = start;
    for (const value of this.#values.slice(start, end)) {
      this.#leaves.push(value);
      this.#shapeOf.push(0);
    }
  }

  #addValue(value: unknown): boolean {
    let number = 0;
    if (!isObject(value)) this.#leaves.push(value);
    else if ((number = this.#numberOf(value)) === 0) return false;
    this.#shapeOf.push(number);
    return true;
  }

  /** Adds the leaves of a tree. @returns the number of its shape; 0 when it is none */
  #numberOf(value: object): number {
    const { shapes } = this;
    try {
      const last = this.#shapeOf[this.#shapeOf.length - 1] ?? 0;
      if (last > 0 && this.#fits(value, shapes[last - 1])) return last;
      const shape = learn(value, new Walk());
      if (shape === undefined) return 0;
      for (let number = 1; number <= shapes.length; number++)
        if (number !== last && this.#fits(value, shapes[number - 1])) return number;
      return shapes.length < shapeLimit && this.#fits(value, shape) ? shapes.push(shape) : 0;
    } catch {
      return 0; // A getter threw.
    }
  }

  #fits(value: object, shape: Shape): boolean {
    const { objects } = this.#walk;
    const objectsBefore = objects.length;
    const leavesBefore = this.#leaves.length;
    if (matches(value, shape, this.#leaves, this.#walk)) return true;
    objects.length = objectsBefore;
    this.#leaves.length = leavesBefore;
    return false;
  }
}

function hasObject(values: readonly unknown[]): boolean {
  for (const value of values) if (isObject(value)) return true;
  return false;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isLeaf(value: unknown): boolean {
  return !isObject(value) && typeof value !== 'function' && typeof value !== 'symbol';
}

/** @returns the shape of a tree; `undefined` when it is none */
function learn(value: unknown, walk: Walk): Shape | undefined {
  if (!isFresh(value, walk)) return undefined;
  const keys = plainKeys(value);
  if (keys === undefined || keys.includes('__proto__')) return undefined;
  walk.partsLeft -= keys.length;
  if (walk.partsLeft < 0) return undefined;
  const parts: (Shape | null)[] = [];
  for (const key of keys) {
    const part = (value as Record<string, unknown>)[key];
    const shape = isLeaf(part) ? null : learn(part, walk);
    if (shape === undefined) return undefined;
    parts.push(shape);
  }
  return { keys: Array.isArray(value) ? undefined : keys, parts };
}

/** Adds the leaves of a tree that has this shape; of any other, some of them. */
function matches(value: unknown, { keys, parts }: Shape, leaves: unknown[], walk: Walk): boolean {
  if (!isFresh(value, walk)) return false;
  if (Array.isArray(value) !== (keys === undefined)) return false;
  const own = plainKeys(value);
  const count = parts.length;
  if (own?.length !== count) return false;
  for (let i = 0; i < count; i++) {
    const key = own[i];
    if (keys !== undefined && key !== keys[i]) return false;
    const part = (value as Record<string, unknown>)[key];
    const shape = parts[i];
    if (shape !== null) {
      if (!matches(part, shape, leaves, walk)) return false;
    } else if (isLeaf(part)) leaves.push(part);
    else return false;
  }
  return true;
}

/** An object not met before, which can be looked at. */
function isFresh(value: unknown, { objects }: Walk): value is object {
  if (!isObject(value) || objects.length === objectLimit) return false;
  if (objects.includes(value) || isProxy(value)) return false;
  objects.push(value);
  return true;
}

/** Not what only has the prototype of one, such as `arguments` or the namespace of a module. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && tagOf.call(value) === '[object Object]';
}

/** The keys of a plain object or small plain array. Of anything else, `undefined`, unseen: bytes have a key for each. */
function plainKeys(value: object): readonly string[] | undefined {
  if (!Array.isArray(value)) return isPlainObject(value) ? Object.keys(value) : undefined;
  const { length } = value;
  if (length > partLimit || Object.getPrototypeOf(value) !== Array.prototype) return undefined;
  const keys = Object.keys(value);
  // Indices come first: when the last of `length` keys is the last index, there are no gaps and no other keys.
  return keys.length === length && (length === 0 || keys[length - 1] === String(length - 1))
    ? keys
    : undefined;
}

function build({ keys, parts }: Shape, leaves: readonly unknown[]): unknown {
  const built: Record<string, unknown> | unknown[] = keys === undefined ? [] : {};
  for (let i = 0; i < parts.length; i++) {
    const shape = parts[i];
    const part = shape === null ? leaves[place++] : build(shape, leaves);
    if (keys === undefined) (built as unknown[]).push(part);
    else (built as Record<string, unknown>)[keys[i]] = part;
  }
  return built;
}
