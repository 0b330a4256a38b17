import { StructureCopy } from './structure.ts';
import {
  isAnyView,
  isBuffer,
  isWindow,
  kindOf,
  makeBuffers,
  memoryOf,
  ownBytes,
  type View,
  viewOf,
} from './views.ts';
import { isPlain, isObject, Walk } from './walk.ts';
import { Map, structuredClone } from '../core/globals.ts';

/**
 * A structured clone of a view takes all of its memory along, which for a small Buffer is the pool it shares with
 * others, and it makes a plain `Uint8Array` of a Buffer. What goes to another thread is therefore looked through first:
 * views on a part of a memory are replaced by views on memory of their own, and Buffers are listed.
 */
export interface Owned {
  readonly values: readonly unknown[];
  /** The views among them and inside them that are to be Buffers when they arrive. */
  readonly buffers: readonly View[] | undefined;
}

const nothingMoves: readonly object[] = [];

/** @param moved memory that travels as it is, with the views of it */
export function ownMemory(values: readonly unknown[], moved: readonly object[] = nothingMoves): Owned {
  let owner: Owner | undefined;
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (isObject(value) && !isPlain(value)) (owner ??= new Owner(moved)).add(value);
  }
  return owner?.owned(values) ?? { values, buffers: undefined };
}

/** A structured clone in which Buffers are Buffers, and views have memory of their own. */
export function cloneValue<T>(value: T): T {
  if (!isObject(value)) return structuredClone(value);
  const copy = structuredClone(ownMemory([value]));
  if (copy.buffers !== undefined) makeBuffers(copy.buffers);
  return copy.values[0] as T;
}

class Owner {
  readonly #moved: readonly object[];
  /** Each view that has to be replaced, and each Buffer, with what stands for it. */
  readonly #replacements = new Map<object, View>();
  readonly #walk = new Walk((object) => {
    if (isAnyView(object)) this.#meetInside(object);
  });
  #buffers: View[] | undefined;
  #replaces = false;
  /** What has to be replaced stands inside another object. */
  #copies = false;

  constructor(moved: readonly object[]) {
    this.#moved = moved;
  }

  add(value: object): void {
    if (isAnyView(value)) this.#replacementOf(value);
    else this.#walk.through(value);
  }

  owned(values: readonly unknown[]): Owned {
    if (this.#copies || this.#walk.hasGetters) {
      const copy = new StructureCopy((object) =>
        isAnyView(object) ? this.#replacementOf(object) : undefined,
      );
      return { values: values.map((value) => copy.of(value)), buffers: this.#buffers };
    }
    if (this.#replaces) values = values.map((value) => this.#replacements.get(value as object) ?? value);
    return { values, buffers: this.#buffers };
  }

  #meetInside(view: View): void {
    if (this.#replacementOf(view) !== view) this.#copies = true;
  }

  #replacementOf(view: View): View {
    const before = this.#replacements.get(view);
    if (before !== undefined) return before;
    const isOwn = this.#moved.includes(memoryOf(view)) || !isWindow(view);
    const replacement = isOwn ? view : viewOf(kindOf(view), ownBytes(view));
    if (!isOwn) this.#replaces = true;
    this.#replacements.set(view, replacement);
    if (isBuffer(view)) (this.#buffers ??= []).push(replacement);
    return replacement;
  }
}
