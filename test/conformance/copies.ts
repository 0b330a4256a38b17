import { createSecretKey, webcrypto } from 'node:crypto';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type CallOutcome, NotCloneableError } from 'leasepool';
import { afterAll, beforeAll, expect } from 'vitest';
import { Bench, range, reasonOf, summaryOf, taskOf } from '../support/executor-bench.ts';
import type { Subject } from './subject.ts';

const task = (name: string) => taskOf('conformance-tasks.js', name);
const giving = (file: string) => taskOf(file, 'giving');

const mates = 1000;

const hostile = {
  get trap(): never {
    throw new Error('do not look');
  },
};

function nested(depth: number): unknown {
  let value: unknown = {};
  for (let level = 0; level < depth; level++) value = { value };
  return value;
}

function detachedBuffer(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

/** What it is, an argument, and the end of the path of the part that is to blame. */
const arguments_: readonly (readonly [string, () => unknown, string | undefined])[] = [
  ['a function', () => () => {}, '[0]'],
  ['a function deep inside', () => ({ list: [{ callback() {} }] }), '[0].list[0].callback'],
  ['a symbol', () => Symbol('argument'), '[0]'],
  ['a promise', () => Promise.resolve(1), '[0]'],
  ['a WeakMap', () => ({ 'weak map': new WeakMap() }), '[0]["weak map"]'],
  ['a getter that throws', () => hostile, '[0].trap'],
  ['a proxy', () => new Proxy({}, {}), '[0]'],
  ['a value in a Map', () => new Map([['key', () => {}]]), '[0].get(key)'],
  ['something nested too deep', () => nested(200_000), undefined],
  ['a detached buffer', detachedBuffer, '[0]'],
];

const results = ['function', 'symbol', 'weakMap', 'promiseInside', 'getter', 'proxy', 'deep'];

const unshareable: readonly (readonly [string, () => unknown])[] = [
  ['shared memory', () => new SharedArrayBuffer(8)],
  ['a view of shared memory', () => new Int32Array(new SharedArrayBuffer(8))],
  ['a key', () => createSecretKey(Buffer.from('0123456789abcdef'))],
  ['a port', () => new MessageChannel().port1],
  ['a Blob', () => new Blob(['blob'])],
];

/** What cannot be copied fails alone; what is to be moved is moved; what can be shared is shared. */
export function copyRows(subject: Subject): void {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.of(subject.backend);
  });
  afterAll(() => bench.end());

  /** One call in the middle of a thousand, in one batch. @returns its outcome, once every mate is known to have its own */
  async function amongMates(name: ReturnType<typeof taskOf>, args: readonly unknown[]): Promise<CallOutcome> {
    const calls = range(mates).map((value) => bench.call(task('echo'), [value]));
    calls.splice(mates / 2, 0, bench.call(name, args));
    bench.submit(calls);
    const outcomes = await bench.outcomesOf(calls);
    const [outcome] = outcomes.splice(mates / 2, 1);
    expect(summaryOf(outcomes)).toEqual(range(mates));
    return outcome;
  }

  for (const [what, make, path] of arguments_) {
    subject.row(`S30 ${what} as an argument fails its call alone, among ${mates} mates`, [], async () => {
      const reason = reasonOf(await amongMates(task('lengthOf'), [make()]));
      expect(reason).toBeInstanceOf(NotCloneableError);
      expect(reason.code).toBe('ERR_LEASEPOOL_NOT_CLONEABLE');
      if (path !== undefined && subject.can('envelope')) expect(reason.path).toBe(`args${path}`);
    });
  }

  for (const what of results) {
    subject.row(
      `S30 a result that cannot be copied fails its call alone, among ${mates} mates: ${what}`,
      [],
      async () => {
        const worker = await bench.run(task('worker'));
        const reason = reasonOf(await amongMates(giving('manager-results.js'), [what]));
        expect(reason).toBeInstanceOf(NotCloneableError);
        expect(await bench.run(task('worker'))).toBe(worker);
      },
    );
  }

  subject.row('S30 the error names the part of a result that cannot be copied', ['envelope'], async () => {
    const reason = reasonOf(await amongMates(giving('manager-results.js'), ['transform']));
    expect(reason.path).toBe('result.headers.transform');
  });

  subject.row(
    'S30 the error names that part also where the value leads back to itself, and shows no source',
    ['envelope'],
    async () => {
      const reason = reasonOf(await amongMates(giving('manager-results.js'), ['cyclic']));
      expect(reason.path).toBe('result.parts[0].callback');
      expect(reason.message).toBe(
        'result.parts[0].callback cannot be copied: callback() {… could not be cloned.',
      );
      expect(reason.cause.message).toBe('callback() {… could not be cloned.');
    },
  );

  subject.row('S29 errors in results keep class, code and fields', ['envelope'], async () => {
    const run = (what: string): Promise<any> => bench.run(giving('manager-results.js'), [what]);
    const { list, map, set, report } = await run('errors');
    const [{ reason }, fine] = await run('settled');
    expect(fine).toEqual({ status: 'fulfilled', value: 1 });
    const errors = [list[0], map.get('key'), [...set][0], report.error, reason, await run('bareError')];
    for (const error of errors) {
      expect(error).toBeInstanceOf(RangeError);
      expect({ ...error }).toEqual({ code: 'E_FAILING', line: 3 });
      expect(error.stack).toContain('manager-results.js');
    }
    expect(errors.map(({ message }) => message)).toEqual([
      'in a list',
      'in a map',
      'in a set',
      'in a class',
      'rejected',
      'bare',
    ]);
  });

  subject.row('S29 an error in a result shares with it what it shared', ['envelope'], async () => {
    const value = await bench.run(giving('manager-results.js'), ['errorOfItsValue']);
    expect(value.error.value).toBe(value);
    expect(value.error.config).toBe(value.config);
    expect(Object.keys(value.error)).toEqual(['code', 'line', 'value', 'config']);
  });

  subject.row('S29 T3 errors beside what a job moves keep what they have', ['envelope'], async () => {
    const { bytes, problems } = await bench.run(giving('manager-results.js'), ['movedWithError']);
    expect(bytes).toEqual(new Uint8Array(1000).fill(7));
    expect(problems[0]).toMatchObject({ message: 'moved', code: 'E_FAILING' });
  });

  subject.row('S29 errors in arguments keep class, code and fields', ['envelope'], async () => {
    const error = Object.assign(new RangeError('given', { cause: new TypeError('why') }), {
      code: 'E_GIVEN',
    });
    const calls = range(3).map(() => bench.call(task('errorParts'), [{ error }]));
    bench.submit([...calls, bench.call(task('errorParts'), [{ error: new Error('other') }])]);
    for (const outcome of await bench.outcomesOf(calls))
      expect(outcome).toEqual({ status: 'fulfilled', value: ['RangeError', 'given', 'E_GIVEN', 'why', 1] });
  });

  subject.row(
    'S30 an argument that only the worker finds too deep fails alone, and nobody hangs',
    [],
    async () => {
      for (const depth of [500, 1000, 2000, 3000, 5000, 10_000]) {
        const outcome = await amongMates(task('kindOf'), [nested(depth)]);
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(NotCloneableError);
        else expect(outcome).toEqual({ status: 'fulfilled', value: '[object Object] Object' });
      }
    },
  );

  subject.row('S30 several that cannot be copied each fail alone', [], async () => {
    const calls = range(200).map((value) =>
      value % 20 === 7
        ? bench.call(task('lengthOf'), [() => {}])
        : value % 20 === 13
          ? bench.call(giving('manager-results.js'), ['function'])
          : bench.call(task('echo'), [value]),
    );
    bench.submit(calls);
    expect(summaryOf(await bench.outcomesOf(calls))).toEqual(
      range(200).map((value) =>
        value % 20 === 7 || value % 20 === 13 ? 'rejected ERR_LEASEPOOL_NOT_CLONEABLE' : value,
      ),
    );
  });

  subject.row(
    'S30 a result that only the receiving side finds too deep takes no other with it',
    [],
    async () => {
      for (const depth of [500, 1000, 2000, 3000, 5000, 10_000]) {
        const outcome = await amongMates(taskOf('manager-results.js', 'givingNested'), [depth]);
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(NotCloneableError);
        else expect(outcome.status).toBe('fulfilled');
      }
    },
  );

  subject.row('S30 so does an argument that only the worker finds too deep', ['memory limits'], async () => {
    const small = await subject.open({ workerOptions: { resourceLimits: { stackSizeMb: 0.5 } } });
    for (const depth of [500, 1000, 1500, 2000, 3000]) {
      const calls = range(200).map((value) => small.call(task('echo'), [value]));
      calls.splice(100, 0, small.call(task('kindOf'), [nested(depth)]));
      small.submit(calls);
      const outcomes = await small.outcomesOf(calls);
      const [outcome] = outcomes.splice(100, 1);
      expect(summaryOf(outcomes)).toEqual(range(200));
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(NotCloneableError);
      else expect(outcome).toEqual({ status: 'fulfilled', value: '[object Object] Object' });
    }
  });

  subject.row('S30 one that cannot be sent leaves what its mates move intact', ['moving'], async () => {
    const buffers = range(20).map((index) => new Uint8Array(8).fill(index).buffer);
    const calls = buffers.map((buffer) => bench.call(task('keep'), [buffer], { transfer: [buffer] }));
    const refused = new ArrayBuffer(8);
    calls.splice(
      10,
      0,
      bench.call(task('keep'), [{ refused, callback() {} }], { transfer: [refused] }),
      bench.call(task('lengthOf'), [() => {}]),
    );
    bench.submit(calls);
    const outcomes = await bench.outcomesOf(calls);
    expect(summaryOf(outcomes.splice(10, 2))).toEqual(
      range(2).map(() => 'rejected ERR_LEASEPOOL_NOT_CLONEABLE'),
    );
    expect(summaryOf(outcomes)).toEqual(range(20).map(() => 8));
    expect(buffers.map((buffer) => buffer.byteLength)).toEqual(range(20).map(() => 0));
    expect(refused.byteLength).toBe(8);
  });

  subject.row('S30 of two calls that move one buffer, the first keeps it', ['moving'], async () => {
    const buffer = new ArrayBuffer(8);
    const calls = [
      bench.call(task('keep'), [buffer], { transfer: [buffer] }),
      bench.call(task('echo'), ['mate']),
      bench.call(task('keep'), [buffer], { transfer: [buffer] }),
      bench.call(task('byteLength'), [buffer]),
    ];
    bench.submit(calls);
    const [first, mate, second, third] = summaryOf(await bench.outcomesOf(calls));
    expect([first, mate, second]).toEqual([8, 'mate', 'rejected ERR_LEASEPOOL_NOT_CLONEABLE']);
    expect(third).toBe('rejected ERR_LEASEPOOL_NOT_CLONEABLE');
  });

  subject.row('S30 a transfer list that cannot be used fails its call alone', ['moving'], async () => {
    const twice = new ArrayBuffer(8);
    const detached = detachedBuffer();
    for (const transfer of [[twice, twice], [detached]]) {
      const calls = [
        bench.call(task('echo'), ['before']),
        bench.call(task('nothing'), [], { transfer }),
        bench.call(task('echo'), ['after']),
      ];
      bench.submit(calls);
      expect(summaryOf(await bench.outcomesOf(calls))).toEqual([
        'before',
        'rejected ERR_LEASEPOOL_NOT_CLONEABLE',
        'after',
      ]);
    }
    expect(twice.byteLength).toBe(8);
  });

  subject.row('T3 what is to be moved to a job is moved', ['moving'], async () => {
    const bytes = new Uint8Array(1000).fill(7);
    const { buffer } = bytes;
    const call = bench.send(task('keep'), [bytes], { transfer: [buffer] });
    expect(await bench.outcomeOf(call)).toEqual({ status: 'fulfilled', value: 1000 });
    expect(buffer.byteLength).toBe(0);
  });

  subject.row(
    'T3 what a job moves to its caller is moved, also from deep inside',
    ['moving results'],
    async () => {
      expect(await bench.run(task('fill'), [1000, 7])).toEqual(new Uint8Array(1000).fill(7));
      expect(await bench.run(task('keptLength'))).toBe(0);
      const nestedBytes = await bench.run(task('fillNested'), [1000, 8]);
      expect(nestedBytes).toEqual({ inner: [{ bytes: new Uint8Array(1000).fill(8) }] });
      expect(await bench.run(task('keptLength'))).toBe(0);
    },
  );

  subject.row(
    'T3 a result that cannot be sent leaves what it moves attached',
    ['moving results'],
    async () => {
      const reason = await bench.failure(task('fillWithFunction'), [1000]);
      expect(reason).toBeInstanceOf(NotCloneableError);
      expect(await bench.run(task('keptLength'))).toBe(1000);
    },
  );

  subject.row('M8 what is to be moved is copied, both ways', ['copying what is to be moved'], async () => {
    const bytes = new Uint8Array(1000).fill(7);
    expect(await bench.run(task('keep'), [bytes], { transfer: [bytes.buffer] })).toBe(1000);
    expect(bytes).toEqual(new Uint8Array(1000).fill(7));
    expect(await bench.run(task('fill'), [1000, 8])).toEqual(new Uint8Array(1000).fill(8));
    const nestedBytes = await bench.run(task('fillNested'), [1000, 9]);
    expect(nestedBytes).toEqual({ inner: [{ bytes: new Uint8Array(1000).fill(9) }] });
  });

  subject.row('M8 typed arrays arrive as what they are, with nothing of their neighbours', [], async () => {
    const memory = new Uint8Array(64).map((_, index) => index);
    for (const view of [
      memory.subarray(8, 16),
      new Float64Array([1.5, -0]),
      new BigUint64Array([1n, 2n]),
      new DataView(memory.buffer, 8, 8),
    ]) {
      const calls = range(3).map(() => bench.call(task('echo'), [view]));
      bench.submit(calls);
      for (const outcome of await bench.outcomesOf(calls))
        expect(outcome).toEqual({ status: 'fulfilled', value: view });
    }
  });

  subject.row('M8 a Buffer given to several calls arrives as the same in each', [], async () => {
    await bench.outcomesOf(
      bench.sendAll(
        task('kindOf'),
        range(40).map((value) => [value]),
      ),
    );
    const buffer = Buffer.from('a buffer');
    const calls = bench.sendAll(
      task('kindOf'),
      range(40).map(() => [buffer]),
    );
    const kinds = new Set(summaryOf(await bench.outcomesOf(calls)));
    expect([...kinds]).toHaveLength(1);
  });

  subject.row('M8 shared memory is shared', ['sharing'], async () => {
    const memory = new SharedArrayBuffer(8);
    await bench.outcomesOf(
      bench.sendAll(
        task('sharedIncrement'),
        range(50).map(() => [memory]),
      ),
    );
    expect(new Int32Array(memory)[0]).toBe(50);
    const made = await bench.run(giving('conformance-results.js'), ['sharedMemory']);
    expect(made).toBeInstanceOf(SharedArrayBuffer);
    expect(await bench.run(task('sharedIncrement'), [made])).toBe(0);
    expect(new Int32Array(made)[0]).toBe(1);
  });

  subject.row('M8 keys can be given to a job, and a job can give them', ['sharing'], async () => {
    expect(await bench.run(task('keySize'), [createSecretKey(Buffer.from('0123456789abcdef'))])).toBe(16);
    expect((await bench.run(giving('conformance-results.js'), ['key'])).symmetricKeySize).toBe(16);
    const key = await webcrypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt']);
    expect(await bench.run(task('kindOf'), [key])).toBe('[object CryptoKey] CryptoKey');
  });

  subject.row(
    'M8 ports can be moved to a job, and a job can move them',
    ['sharing', 'moving results'],
    async () => {
      const { port1, port2 } = new MessageChannel();
      await bench.run(task('answer'), [port1], { transfer: [port1] });
      expect(await answerFrom(port2)).toBe('question back');
      const { port } = await bench.run(giving('conformance-results.js'), ['port']);
      expect(await answerFrom(port)).toBe('question back');
    },
  );

  for (const [what, make] of unshareable) {
    subject.row(
      `M8 ${what} is refused as an argument, and its mates are not`,
      ['refusing what cannot be shared'],
      async () => {
        const reason = reasonOf(await amongMates(task('kindOf'), [{ inside: make() }]));
        expect(reason).toBeInstanceOf(NotCloneableError);
        expect(reason.path).toBe('args[0].inside');
      },
    );
  }

  for (const what of ['sharedMemory', 'sharedView', 'key', 'cryptoKey', 'port', 'blob']) {
    subject.row(
      `M8 what cannot be shared is refused as a result, or thrown: ${what}`,
      ['refusing what cannot be shared'],
      async () => {
        expect(reasonOf(await amongMates(giving('conformance-results.js'), [what]))).toBeInstanceOf(
          NotCloneableError,
        );
        const thrown = reasonOf(await amongMates(taskOf('conformance-results.js', 'throwing'), [what]));
        if (what !== 'cryptoKey') expect(thrown).toBeInstanceOf(NotCloneableError);
      },
    );
  }

  subject.row('M8 what can be shared arrives as what it is: a Blob', ['sharing'], async () => {
    expect(await bench.run(task('kindOf'), [new Blob(['blob'])])).toBe('[object Blob] Blob');
    const blob: Blob = await bench.run(giving('conformance-results.js'), ['blob']);
    expect(await blob.text()).toBe('blob');
  });
}

async function answerFrom(port: MessagePort): Promise<unknown> {
  const answer = new Promise((resolve) => port.once('message', resolve));
  port.postMessage('question');
  try {
    return await answer;
  } finally {
    port.close();
  }
}
