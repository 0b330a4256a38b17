import { types } from 'node:util';
import { ArrayBuffer, Buffer, DataView, Function, Object, TypeError, Uint8Array } from '../core/globals.ts';

/** Views of memory: typed arrays, DataViews and Buffers. They are read as they were when this module loaded. */
export type View = NodeJS.ArrayBufferView;

const { isView } = ArrayBuffer;
const { isDataView, isSharedArrayBuffer } = types;
const { prototype: bufferPrototype } = Buffer;
const { setPrototypeOf } = Object;
const { isPrototypeOf } = Object.prototype;
const callOf = Function.prototype.call;

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
const dataViewPrototype = DataView.prototype;

const kindOfTypedArray = getter<View, string>(typedArrayPrototype, Symbol.toStringTag);
const typedArrayMemory = getter<View, ArrayBufferLike>(typedArrayPrototype, 'buffer');
const typedArrayOffset = getter<View, number>(typedArrayPrototype, 'byteOffset');
const typedArrayBytes = getter<View, number>(typedArrayPrototype, 'byteLength');
/** Throws for an array whose memory is gone, or has shrunk so far that the array has no place in it. */
const typedArrayKeys = method<View>(typedArrayPrototype, 'keys');
const setBytes = method<Uint8Array, [bytes: Uint8Array]>(typedArrayPrototype, 'set');
const dataViewMemory = getter<View, ArrayBufferLike>(dataViewPrototype, 'buffer');
const dataViewOffset = getter<View, number>(dataViewPrototype, 'byteOffset');
const dataViewBytes = getter<View, number>(dataViewPrototype, 'byteLength');
const memoryBytes = getter<ArrayBuffer, number>(ArrayBuffer.prototype, 'byteLength');

function getter<T, R>(prototype: object, key: PropertyKey): (target: T) => R {
  const { get } = Object.getOwnPropertyDescriptor(prototype, key)!;
  return callOf.bind(get!) as (target: T) => R;
}

function method<T, A extends readonly unknown[] = []>(
  prototype: object,
  key: PropertyKey,
): (target: T, ...args: A) => unknown {
  const { value } = Object.getOwnPropertyDescriptor(prototype, key)!;
  return callOf.bind(value) as (target: T, ...args: A) => unknown;
}

type ViewClass = new (memory: ArrayBufferLike, byteOffset?: number, length?: number) => View;

/** The classes a view can arrive as. Their places are what travels between processes: new ones go to the end. */
const kinds = [
  'Buffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
] as const;

/** Number of a view's class. */
export type Kind = number;

const classes = kinds.map((kind) => (globalThis as Record<string, unknown>)[kind] as ViewClass | undefined);

export function isAnyView(value: unknown): value is View {
  return isView(value);
}

export function isBuffer(view: View): view is Buffer {
  return callOf.call(isPrototypeOf, bufferPrototype, view) as boolean;
}

/** Makes Buffers of plain arrays of bytes, as they arrive from another thread, where they stand. */
export function makeBuffers(arrays: readonly View[]): void {
  for (const array of arrays) setPrototypeOf(array, bufferPrototype);
}

export function kindOf(view: View): Kind {
  if (isBuffer(view)) return 0;
  return kinds.indexOf((kindOfTypedArray(view) ?? 'DataView') as (typeof kinds)[number]);
}

/** A view on all of a memory. @throws TypeError for a class that this runtime does not have */
export function viewOf(kind: Kind, memory: ArrayBuffer): View {
  if (kind === 0) return setPrototypeOf(new Uint8Array(memory), bufferPrototype) as View;
  const viewClass = classes[kind];
  if (viewClass === undefined) throw new TypeError(`${kinds[kind] ?? 'the class of a view'} is unknown here`);
  return new viewClass(memory);
}

export function memoryOf(view: View): ArrayBufferLike {
  return isDataView(view) ? dataViewMemory(view) : typedArrayMemory(view);
}

export function isShared(memory: ArrayBufferLike): memory is SharedArrayBuffer {
  return isSharedArrayBuffer(memory);
}

/** Where a view lies in its memory; `undefined` when it has no place there any more. */
function extentOf(view: View): { byteOffset: number; byteLength: number } | undefined {
  try {
    if (isDataView(view)) return { byteOffset: dataViewOffset(view), byteLength: dataViewBytes(view) };
    typedArrayKeys(view);
    return { byteOffset: typedArrayOffset(view), byteLength: typedArrayBytes(view) };
  } catch {
    return undefined;
  }
}

/** Whether the memory of a view is gone, or no longer reaches as far as the view. No structured clone is made of one. */
export function isBeyondMemory(view: View): boolean {
  return extentOf(view) === undefined;
}

/** Whether a view shows a part of a larger memory that is not shared between threads, such as Node's pool of Buffers. */
export function isWindow(view: View): boolean {
  const memory = memoryOf(view);
  if (isShared(memory)) return false;
  const extent = extentOf(view);
  return extent !== undefined && extent.byteLength !== memoryBytes(memory);
}

/** Bytes a view shows. */
export function bytesOf(view: View): number {
  return extentOf(view)?.byteLength ?? 0;
}

/** The bytes a view shows, in memory of their own. */
export function ownBytes(view: View): ArrayBuffer {
  const { byteOffset, byteLength } = extentOf(view)!;
  const own = new Uint8Array(byteLength);
  setBytes(own, new Uint8Array(memoryOf(view), byteOffset, byteLength));
  return own.buffer;
}
