import { Deserializer, Serializer } from 'node:v8';
import { isOfPlatform } from './platform-objects.ts';
import { StructureCopy } from './structure.ts';
import {
  bytesOf,
  isAnyView,
  isBeyondMemory,
  isShared,
  isWindow,
  kindOf,
  memoryOf,
  ownBytes,
  type View,
  viewOf,
} from './views.ts';
import { isPlain, isObject, Walk } from './walk.ts';
import { DOMException, Object, process, RangeError } from '../core/globals.ts';

/**
 * Bytes that one message may have. Node 20 takes a longer one to have a negative length, and no call writes as much at
 * once. What Node itself adds to a message is left room for.
 */
export const messageBytesLimit: number = 2 ** 31 - 4096;

/**
 * Structured clone into bytes and back, for workers that share no memory with the host. It refuses what a process
 * cannot be given (memory that is shared, ports, keys), where Node's own channel would deliver an empty object.
 *
 * @throws RangeError when there are more bytes than one message may have
 */
export function toBytes(value: unknown, limit: number = messageBytesLimit): Buffer {
  return serialize(withoutPlatformObjects([value])[0], limit);
}

/** Why values cannot be turned into bytes in this runtime; `undefined` where they can. Bun has the classes, and they throw. */
export function serializationFailure(): unknown {
  try {
    toBytes(undefined);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** @throws when the bytes nest deeper than this thread's stack allows */
export function fromBytes(bytes: Uint8Array): unknown {
  const deserializer = new ViewDeserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

/** Tells whether a value arrives: some, such as a `WebAssembly.Module`, are written as bytes that cannot be read. */
export function assertTravels(value: unknown): void {
  fromBytes(toBytes(value));
}

/** @throws RangeError when there are more bytes than the limit */
export function serialize(value: unknown, limit: number): Buffer {
  const serializer = new StrictSerializer(limit);
  serializer.writeHeader();
  serializer.writeValue(value);
  const bytes = serializer.releaseBuffer();
  if (bytes.byteLength > limit) throw tooLarge(limit);
  return bytes;
}

function tooLarge(limit: number): RangeError {
  return new RangeError(`it has more than the ${limit} bytes that one message may have`);
}

/** @returns the values, or copies in the place of getters. @throws `DataCloneError` when an object of the platform is somewhere in them */
export function withoutPlatformObjects(values: readonly unknown[]): readonly unknown[] {
  if (!lookThrough(values)) return values;
  const copy = new StructureCopy(() => undefined);
  const copies = values.map((value) => copy.of(value));
  lookThrough(copies);
  return copies;
}

/** @returns whether there is a getter somewhere, which has not been called */
function lookThrough(values: readonly unknown[]): boolean {
  let walk: Walk | undefined;
  for (const value of values) {
    if (isObject(value) && !isPlain(value)) (walk ??= new Walk(refusePlatformObject)).through(value);
  }
  return walk?.hasGetters === true;
}

function refusePlatformObject(object: object): void {
  if (isOfPlatform(object)) throw cannotClone(object.constructor.name);
}

function cannotClone(name: string): DOMException {
  return new DOMException(`${name} object could not be cloned.`, 'DataCloneError');
}

/** Of `process.env`, in the place of a view's kind: structured clone makes a plain object of it. */
const environment = 255;

/** A view is written as its kind and a memory: its own if it shows all of it, otherwise one of the bytes it shows. */
class StrictSerializer extends Serializer {
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    super();
    this.#limit = limit;
    (
      this as unknown as { _setTreatArrayBufferViewsAsHostObjects(on: boolean): void }
    )._setTreatArrayBufferViewsAsHostObjects(true);
  }

  _writeHostObject(object: object): void {
    if (isAnyView(object)) this.#writeView(object);
    else if (object === process.env) {
      this.writeUint32(environment);
      this.writeValue({ ...object });
    } else throw cannotClone(nameOf(object));
  }

  #writeView(view: View): void {
    const memory = memoryOf(view);
    if (isShared(memory) || isBeyondMemory(view)) throw cannotClone(nameOf(view));
    // Before they are copied: the copy of what is too large may take all the memory there is.
    this.#bytes += bytesOf(view);
    if (this.#bytes > this.#limit) throw tooLarge(this.#limit);
    this.writeUint32(kindOf(view));
    this.writeValue(isWindow(view) ? ownBytes(view) : memory);
  }
}

class ViewDeserializer extends Deserializer {
  _readHostObject(): unknown {
    const kind = this.readUint32();
    const memory = this.readValue();
    return kind === environment ? memory : viewOf(kind, memory as ArrayBuffer);
  }
}

function nameOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
