import { types } from 'node:util';
import { DefaultSerializer } from 'node:v8';

/** Objects of the platform that threads clone, or refuse, and that are nothing without their internals. */
const classes = [
  Blob,
  URL,
  URLSearchParams,
  Headers,
  FormData,
  Request,
  Response,
  ReadableStream,
  WritableStream,
  TransformStream,
];

/** Node 22 and newer serialise them as empty objects; earlier ones see that a Blob or a stream has internals, and ask. */
export const passAsEmpty: boolean = serialises(new Blob([]));

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

function isOfPlatform(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === Array.prototype) return false;
  return types.isCryptoKey(object) || classes.some((each) => object instanceof each);
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
