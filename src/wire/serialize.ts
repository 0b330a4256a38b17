import { DefaultDeserializer, DefaultSerializer } from 'node:v8';
import { platformObjectsPass, refusePlatformObjects } from './platform-objects.ts';

/**
 * Structured clone into bytes and back, for workers that share no memory with the host. It refuses what a process
 * cannot be given (memory that is shared, ports, keys), where Node's own channel would deliver an empty object.
 */
export function toBytes(value: unknown): Buffer {
  const serializer = new StrictSerializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  if (platformObjectsPass()) refusePlatformObjects(value);
  return serializer.releaseBuffer();
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
  const deserializer = new CopyingDeserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

class StrictSerializer extends DefaultSerializer {
  _writeHostObject(value: object): void {
    const isShared = ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer;
    if (!ArrayBuffer.isView(value) || isShared)
      throw new DOMException(`${nameOf(value)} object could not be cloned.`, 'DataCloneError');
    (
      DefaultSerializer.prototype as unknown as { _writeHostObject(value: object): void }
    )._writeHostObject.call(this, value);
  }
}

class CopyingDeserializer extends DefaultDeserializer {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.#bytes = bytes;
  }

  /** A view gets memory of its own: one into the message would show the other items of it. */
  _readHostObject(): unknown {
    const prototype = DefaultDeserializer.prototype as unknown as {
      _readHostObject(): NodeJS.TypedArray | DataView;
    };
    const view = prototype._readHostObject.call(this);
    if (view.buffer !== this.#bytes.buffer) return view;
    const copy = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    if (Buffer.isBuffer(view)) return new Uint8Array(copy); // As between threads.
    return new (view.constructor as new (buffer: ArrayBufferLike) => unknown)(copy);
  }
}

function nameOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
