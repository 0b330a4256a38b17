import { isLeaf, isObject, type KnownShape, knownShape, type Shape, flatten, Traversal } from './shapes.ts';
import { Array, Function } from '../core/globals.ts';

/**
 * Small trees of plain objects and arrays travel as their leaves, with the shape that many of them share beside them:
 * a list of numbers and strings is cloned in a fraction of the time that objects take, whose keys are written and
 * looked up one by one. What arrives is what a structured clone makes. Whatever has an identity, a class, internals or
 * a getter of its own, or cannot be copied at all, is left to the real thing.
 */

/** How to make values of what travels. */
export interface ShapeTable {
  /** Number of values. */
  readonly count: number;
  readonly shapes: readonly Shape[];
  /** For all values or for each: 0 when it travels as it is, else the number of its shape, counted from 1. */
  readonly shapeOf: number | readonly number[];
}

export interface PackedValues {
  /** Those that travel as they are, and the leaves of the others in their place. */
  readonly values: readonly unknown[];
  readonly trees: ShapeTable | undefined;
}

/** Stands for "no copy was made". */
export const noSnapshot: unique symbol = Symbol('no snapshot');

/** Different shapes in one message: to look through more costs what they save. */
const shapeLimit = 8;
/** Fewer values are not worth the shapes that would travel beside them. */
const fewestValues = 4;

// As they are before any job: one might replace them.
/** What a blank list of so many parts is: sooner made than copied. */
const shortLists: readonly (() => unknown[])[] = [
  () => [],
  () => [undefined],
  () => [undefined, undefined],
  () => [undefined, undefined, undefined],
  () => [undefined, undefined, undefined, undefined],
];

// As it is before any job: one might replace it.
const reversed = Function.prototype.call.bind(Array.prototype.toReversed) as (list: object) => unknown[];

/** The next leaf that {@link rebuild} takes. */
let cursor = 0;
/** Of the last snapshot: the results of a task are mostly alike. */
let lastShape: KnownShape | undefined;

/** A copy of a small tree; of anything else, {@link noSnapshot}. */
export function snapshot(value: unknown): unknown {
  if (isLeaf(value)) return value;
  if (!isObject(value)) return noSnapshot;
  const leaves: unknown[] = [];
  const shape = flatten(value, lastShape, leaves, new Traversal());
  if (shape === undefined) return noSnapshot;
  lastShape = shape;
  cursor = 0;
  return rebuild(shape, leaves);
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
  const known = shapes.map(knownShape);
  const unpacked: unknown[] = [];
  cursor = 0;
  for (let index = 0; index < count; index++) {
    const number = typeof shapeOf === 'number' ? shapeOf : shapeOf[index];
    unpacked.push(number === 0 ? values[cursor++] : rebuild(known[number - 1], values));
  }
  return unpacked;
}

class Packer {
  readonly shapes: KnownShape[] = [];
  readonly #values: readonly unknown[];
  readonly #leaves: unknown[] = [];
  readonly #shapeOf: number[] = [];
  readonly #walk = new Traversal();

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  get packed(): PackedValues {
    const [first] = this.#shapeOf;
    const isSame = this.#shapeOf.every((number) => number === first);
    const shapeOf = isSame ? first : this.#shapeOf;
    return {
      values: this.#leaves,
      trees: { count: this.#values.length, shapes: this.shapes.map(({ shape }) => shape), shapeOf },
    };
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
    const last = this.#shapeOf[this.#shapeOf.length - 1] ?? 0;
    const shape = flatten(value, shapes[last - 1], this.#leaves, this.#walk);
    if (shape === undefined) return 0;
    const before = shapes.indexOf(shape);
    if (before >= 0) return before + 1;
    return shapes.length < shapeLimit ? shapes.push(shape) : 0;
  }
}

function hasObject(values: readonly unknown[]): boolean {
  for (const value of values) if (isObject(value)) return true;
  return false;
}

/** Fills a copy of the blank: whatever has been done to prototypes, its own properties are what is set. */
function rebuild({ keys, parts, shape: { blank } }: KnownShape, leaves: readonly unknown[]): unknown {
  if (keys === undefined) {
    const list = parts.length < shortLists.length ? shortLists[parts.length]() : reversed(blank);
    for (let i = 0; i < parts.length; i++) {
      const inner = parts[i];
      list[i] = inner === null ? leaves[cursor++] : rebuild(inner, leaves);
    }
    return list;
  }
  const built = { ...blank } as Record<string, unknown>;
  for (let i = 0; i < parts.length; i++) {
    const inner = parts[i];
    built[keys[i]] = inner === null ? leaves[cursor++] : rebuild(inner, leaves);
  }
  return built;
}
