import { createSecretKey } from 'node:crypto';
import { BlockList, SocketAddress } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { markAsUntransferable } from 'node:worker_threads';
import { NotCloneableError } from 'leasepool';
import { afterAll, beforeAll, expect } from 'vitest';
import { Bench, range, reasonOf, summaryOf, taskOf } from '../support/executor-bench.ts';
import type { Subject } from './subject.ts';

const task = (name: string) => taskOf('conformance-bytes.js', name);

const memory = (length: number): ArrayBuffer => Uint8Array.from({ length }, (_, index) => index).buffer;

const views: Readonly<Record<string, () => NodeJS.ArrayBufferView>> = {
  smallBuffer: () => Buffer.from('small'),
  largeBuffer: () => Buffer.alloc(100_000, 7),
  partOfBuffer: () => Buffer.alloc(100_000, 7).subarray(10, 20),
  emptyBuffer: () => Buffer.from('pool').subarray(2, 2),
  floats: () => new Float64Array([1.5, -0]),
  partOfWords: () => new Uint16Array(memory(64), 8, 4),
  bigInts: () => new BigInt64Array([1n, -1n]),
  dataView: () => new DataView(memory(64), 8, 8),
};

class Message {
  readonly body: unknown;
  constructor(body: unknown) {
    this.body = body;
  }
}

const ways: Readonly<Record<string, (view: unknown) => unknown>> = {
  alone: (view) => view,
  inObject: (view) => ({ inside: [{ view }] }),
  inMap: (view) => new Map([['key', view]]),
  asKey: (view) => new Map([[view, 'value']]),
  inSet: (view) => new Set([view]),
  inClass: (view) => new Message(view),
};

const platform: Readonly<Record<string, () => unknown>> = {
  BlockList: () => new BlockList(),
  SocketAddress: () => new SocketAddress({ address: '10.0.0.1' }),
  Histogram: () => createHistogram(),
  KeyObject: () => createSecretKey(Buffer.from('0123456789abcdef')),
  Blob: () => new Blob(['blob']),
  ReadableStream: () => new ReadableStream(),
  WebAssemblyModule: () =>
    new (globalThis as any).WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])),
};

function described(view: NodeJS.ArrayBufferView): unknown {
  return {
    class: view.constructor.name,
    isOwn: true,
    hex: Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex'),
    hasSecret: false,
  };
}

function viewIn(value: any): any {
  if (ArrayBuffer.isView(value)) return value;
  const parts =
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
  return parts.map((part) => (typeof part === 'object' ? viewIn(part) : undefined)).find(Boolean);
}

function describedHere(value: unknown): unknown {
  const view = viewIn(value);
  const bytes = Buffer.from(view.buffer);
  const isOwn = view.byteOffset === 0 && view.byteLength === view.buffer.byteLength;
  return {
    class: view.constructor.name,
    isOwn,
    hex: Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex'),
    hasSecret: bytes.includes('SECRET'),
  };
}

/** Buffers stay Buffers, a view brings its own bytes, and what cannot be moved is copied. */
export function byteRows(subject: Subject): void {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.of(subject.backend);
  });
  afterAll(() => bench.end());

  for (const [way, put] of Object.entries(ways)) {
    subject.row(
      `S38 a view arrives in a job with its class and its own bytes, by itself and among others: ${way}`,
      ['own memory'],
      async () => {
        Buffer.from('SECRET of the caller');
        for (const make of Object.values(views)) {
          const calls = range(6).map(() => bench.call(task('describeArgument'), [put(make())]));
          for (const company of [calls.slice(0, 1), calls.slice(1)]) {
            bench.submit(company);
            expect(summaryOf(await bench.outcomesOf(company))).toEqual(company.map(() => described(make())));
          }
        }
      },
    );

    subject.row(
      `S38 a view comes back from a job with its class and its own bytes, by itself and among others: ${way}`,
      ['own memory'],
      async () => {
        for (const [what, make] of Object.entries(views)) {
          const calls = range(6).map(() => bench.call(task('give'), [what, way]));
          for (const company of [calls.slice(0, 1), calls.slice(1)]) {
            bench.submit(company);
            const results = summaryOf(await bench.outcomesOf(company));
            expect(results.map(describedHere)).toEqual(company.map(() => described(make())));
            expect(new Set(results.map((result) => viewIn(result).buffer)).size).toBe(company.length);
          }
        }
      },
    );
  }

  subject.row(
    'S38 so do those that a job throws, and those in fields of an error',
    ['own memory'],
    async () => {
      const thrown = await bench.failure(task('throwBytes'), [false]);
      expect(describedHere(thrown)).toEqual(described(Buffer.from('thrown')));
      const { body, parts } = await bench.failure(task('throwBytes'), [true]);
      for (const bytes of [body, parts.list[0]])
        expect(describedHere(bytes)).toEqual(described(Buffer.from('thrown')));
      expect(describedHere(parts.list[1])).toEqual(described(new Uint16Array([1, 2])));
    },
  );

  subject.row(
    'S38 N11 no job sees what another writes to the memory it was given',
    ['own memory'],
    async () => {
      // A task that is known to be short gets many calls in one message.
      const short = range(40).map(() => [new Uint8Array(8)]);
      await bench.outcomesOf(bench.sendAll(task('writeTo'), short));
      const shared = new ArrayBuffer(8);
      const same = Buffer.alloc(8);
      const args = [new Uint8Array(shared), new Uint16Array(shared), same, same, same.subarray(0, 4), shared];
      const writing = bench.sendAll(
        task('writeTo'),
        args.slice(0, 5).map((argument) => [argument]),
      );
      expect(summaryOf(await bench.outcomesOf(writing))).toEqual([1, 1, 1, 1, 1]);
      expect([new Uint8Array(shared)[0], same[0]]).toEqual([0, 0]);
      const [first, second] = [await bench.run(task('giveKept')), await bench.run(task('giveKept'))];
      first[0] = 9;
      expect([second[0], (await bench.run(task('giveKept')))[0]]).toEqual([0, 0]);
    },
  );

  subject.row(
    'S38 views of one value that show all of its memory still share it',
    ['own memory'],
    async () => {
      const whole = new ArrayBuffer(8);
      const value = await bench.run(taskOf('conformance-tasks.js', 'echo'), [
        { whole, bytes: new Uint8Array(whole), words: new Uint16Array(whole) },
      ]);
      expect(value.bytes.buffer).toBe(value.whole);
      expect(value.words.buffer).toBe(value.whole);
    },
  );

  const unmovable: Readonly<Record<string, () => Uint8Array>> = {
    pooled: () => Buffer.from('pooled'),
    marked() {
      const bytes = new Uint8Array(8);
      markAsUntransferable(bytes.buffer);
      return bytes;
    },
    webAssembly: () =>
      new Uint8Array(new (globalThis as any).WebAssembly.Memory({ initial: 1 }).buffer, 8, 8),
  };

  for (const [what, make] of Object.entries(unmovable)) {
    for (const listed of ['memory', 'view'] as const) {
      subject.row(
        `S38 T3 what is listed to be moved and cannot be is copied, both ways: ${what}, by its ${listed}`,
        ['own memory'],
        async () => {
          const view = make();
          const transfer = [listed === 'memory' ? view.buffer : view] as never[];
          const mates = range(3).map((value) => bench.call(taskOf('conformance-tasks.js', 'echo'), [value]));
          const calls = [
            ...mates.slice(0, 2),
            bench.call(task('describeArgument'), [{ view }], { transfer }),
            mates[2],
          ];
          bench.submit(calls);
          expect(summaryOf(await bench.outcomesOf(calls))).toEqual([0, 1, described(view), 2]);
          expect(view.byteLength).toBeGreaterThan(0);
          const back = await bench.run(task('giveUnmovable'), [what, listed]);
          expect(describedHere(back)).toMatchObject({ isOwn: true, class: view.constructor.name });
        },
      );
    }
  }

  subject.row('T3 a Buffer that is listed itself is moved', ['moving', 'own memory'], async () => {
    const bytes = Buffer.alloc(100_000, 7);
    const described = await bench.run(task('describeArgument'), [bytes], { transfer: [bytes as never] });
    expect(described).toMatchObject({ class: 'Buffer', isOwn: true });
    expect(bytes.byteLength).toBe(0);
  });

  for (const [what, make] of Object.entries(platform)) {
    subject.row(
      `M8 an object of the platform is refused, both ways, where it cannot arrive: ${what}`,
      ['refusing what cannot be shared'],
      async () => {
        const mates = range(20).map((value) => bench.call(taskOf('conformance-tasks.js', 'echo'), [value]));
        const refused = bench.call(task('describeArgument'), [{ inside: [make()] }]);
        const calls = [...mates.slice(0, 10), refused, ...mates.slice(10)];
        bench.submit(calls);
        const outcomes = await bench.outcomesOf(calls);
        const reason = reasonOf(outcomes.splice(10, 1)[0]);
        expect(reason).toBeInstanceOf(NotCloneableError);
        expect(reason.path).toMatch(/^args\[0\]\.inside\[0\]/);
        expect(summaryOf(outcomes)).toEqual(range(20));
        const result = await bench.failure(task('givePlatform'), [what]);
        expect(result).toBeInstanceOf(NotCloneableError);
        if (subject.can('an IPC channel')) expect(result.path).toMatch(/^result\.inside\[0\]/);
      },
    );
  }

  subject.row(
    'S30 an argument of more bytes than one message may have is refused at once, and its mates are not',
    ['refusing what cannot be shared'],
    async () => {
      const worker = await bench.run(taskOf('conformance-tasks.js', 'worker'));
      const calls = [
        bench.call(taskOf('conformance-tasks.js', 'echo'), ['before']),
        bench.call(task('lengthOf'), [new Uint8Array(2_200_000_000)]),
        bench.call(taskOf('conformance-tasks.js', 'echo'), ['after']),
      ];
      bench.submit(calls);
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual([
        'before',
        'rejected ERR_LEASEPOOL_NOT_CLONEABLE',
        'after',
      ]);
      expect(await bench.run(taskOf('conformance-tasks.js', 'worker'))).toBe(worker);
    },
  );

  subject.row(
    'S30 so is a result, and the worker goes on',
    ['refusing what cannot be shared', 'an IPC channel'],
    async () => {
      const worker = await bench.run(taskOf('conformance-tasks.js', 'worker'));
      const calls = [
        bench.call(task('fillOf'), [2_200_000_000]),
        bench.call(taskOf('conformance-tasks.js', 'echo'), ['mate']),
      ];
      bench.submit(calls);
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual([
        'rejected ERR_LEASEPOOL_NOT_CLONEABLE',
        'mate',
      ]);
      expect(await bench.run(taskOf('conformance-tasks.js', 'worker'))).toBe(worker);
    },
  );
}
