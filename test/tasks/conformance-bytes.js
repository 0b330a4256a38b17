// Views of memory, as they arrive in a job and as it gives them.
import { createSecretKey } from 'node:crypto';
import { BlockList, SocketAddress } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { markAsUntransferable } from 'node:worker_threads';
import { defineTasks, move } from 'leasepool';

/** The view that stands somewhere in a value. */
function viewIn(value) {
  if (ArrayBuffer.isView(value)) return value;
  const parts =
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value ?? {});
  for (const part of parts) {
    const view = typeof part === 'object' ? viewIn(part) : undefined;
    if (view !== undefined) return view;
  }
  return undefined;
}

function describe(value) {
  const view = viewIn(value);
  const bytes = Buffer.from(view.buffer);
  return {
    class: view.constructor.name,
    isOwn: view.byteOffset === 0 && view.byteLength === view.buffer.byteLength,
    hex: Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex'),
    hasSecret: bytes.includes('SECRET'),
  };
}

const memory = (length) => Uint8Array.from({ length }, (_, index) => index).buffer;
const kept = new Uint8Array(8);
const marked = new ArrayBuffer(8);
markAsUntransferable(marked);

const makers = {
  smallBuffer: () => Buffer.from('small'),
  largeBuffer: () => Buffer.alloc(100_000, 7),
  partOfBuffer: () => Buffer.alloc(100_000, 7).subarray(10, 20),
  emptyBuffer: () => Buffer.from('pool').subarray(2, 2),
  floats: () => new Float64Array([1.5, -0]),
  partOfWords: () => new Uint16Array(memory(64), 8, 4),
  bigInts: () => new BigInt64Array([1n, -1n]),
  dataView: () => new DataView(memory(64), 8, 8),
};

/** A class whose objects structured clone makes plain. */
class Message {
  constructor(body) {
    this.body = body;
  }
}

const ways = {
  alone: (view) => view,
  inObject: (view) => ({ inside: [{ view }] }),
  inMap: (view) => new Map([['key', view]]),
  asKey: (view) => new Map([[view, 'value']]),
  inSet: (view) => new Set([view]),
  inClass: (view) => new Message(view),
};

/** Views whose memory cannot be moved. */
const unmovable = {
  pooled: () => Buffer.from('pooled'),
  marked: () => new Uint8Array(marked),
  webAssembly: () => new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer, 8, 8),
};

const platform = {
  BlockList: () => new BlockList(),
  SocketAddress: () => new SocketAddress({ address: '10.0.0.1' }),
  Histogram: () => createHistogram(),
  KeyObject: () => createSecretKey(Buffer.from('0123456789abcdef')),
  Blob: () => new Blob(['blob']),
  ReadableStream: () => new ReadableStream(),
  WebAssemblyModule: () => new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])),
};

const ofText = (text) => Buffer.from(`SECRET ${text}`);

export const tasks = defineTasks(import.meta.url, {
  describeArgument: describe,
  give(what, way) {
    ofText('of another job');
    return ways[way](makers[what]());
  },
  throwBytes(field) {
    ofText('of another job');
    const bytes = Buffer.from('thrown');
    if (!field) throw bytes;
    throw Object.assign(new Error('it'), { body: bytes, parts: { list: [bytes, new Uint16Array([1, 2])] } });
  },
  /** How often this very memory has been written to. */
  writeTo: (value) => ++new Uint8Array(viewIn(value).buffer)[0],
  giveKept: () => kept,
  giveUnmovable(what, list) {
    const view = unmovable[what]();
    return move({ view }, [list === 'memory' ? view.buffer : view]);
  },
  givePlatform: (what) => ({ inside: [platform[what]()] }),
  lengthOf: (value) => value.byteLength ?? value.length,
  fillOf: (bytes) => new Uint8Array(bytes),
});
