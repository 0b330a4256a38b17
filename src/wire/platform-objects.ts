import { DefaultSerializer } from 'node:v8';

/** Classes of the platform whose objects threads clone, or refuse, and that are nothing without their internals. */
const names = new Set([
  'Blob',
  'File',
  'CryptoKey',
  'URL',
  'URLSearchParams',
  'Headers',
  'FormData',
  'Request',
  'Response',
  'ReadableStream',
  'WritableStream',
  'TransformStream',
]);
const tagOf = Object.prototype.toString;

let passAsEmpty: boolean | undefined;

/** Node 22 and newer serialise them as empty objects; earlier ones see that a Blob or a stream has internals, and ask. */
export function platformObjectsPass(): boolean {
  return (passAsEmpty ??= serialises(new Blob([])));
}

function serialises(value: unknown): boolean {
  try {
    new DefaultSerializer().writeValue(value);
    return true;
  } catch {
    return false;
  }
}

/** @throws `DataCloneError` when one of them is somewhere in the value */
export function refusePlatformObjects(value: unknown): void {
  if (!isObject(value)) return;
  const met = new Set<object>([value]);
  // A set gives what is added while it is gone through.
  for (const object of met) {
    if (isOfPlatform(object)) {
      const { name } = object.constructor;
      throw new DOMException(`${name} object could not be cloned.`, 'DataCloneError');
    }
    for (const part of partsOf(object)) if (isObject(part)) met.add(part);
  }
}

/** By its tag first: to name the classes would load them, which takes as long as all of this package. */
function isOfPlatform(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === Array.prototype) return false;
  const name = tagOf.call(object).slice('[object '.length, -1);
  if (!names.has(name)) return false;
  const found: unknown = (globalThis as Record<string, unknown>)[name];
  return typeof found === 'function' && object instanceof found;
}

function partsOf(object: object): Iterable<unknown> {
  if (ArrayBuffer.isView(object)) return [];
  if (object instanceof Map) return [...object.keys(), ...object.values()];
  if (object instanceof Set) return object;
  return Object.values(object);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
