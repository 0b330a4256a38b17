import { NotCloneableError, TaskReferenceError } from 'leasepool';
import { afterAll, beforeAll, expect } from 'vitest';
import { Bench, range, reasonOf, sourceTask, taskOf } from '../support/executor-bench.ts';
import type { Subject } from './subject.ts';

const task = (name: string) => taskOf('conformance-tasks.js', name);
const throwing = taskOf('manager-throws.js', 'throwing');
const rejecting = taskOf('manager-throws.js', 'rejecting');

const builtIn = [
  ['error', Error, 'plain'],
  ['typeError', TypeError, 'type'],
  ['rangeError', RangeError, 'range'],
  ['syntaxError', SyntaxError, 'syntax'],
  ['referenceError', ReferenceError, 'reference'],
  ['evalError', EvalError, 'eval'],
  ['uriError', URIError, 'uri'],
  ['noMessage', Error, ''],
] as const;

const values = [
  ['null', null],
  ['undefined', undefined],
  ['zero', 0],
  ['emptyString', ''],
  ['false', false],
  ['bigint', 42n],
  ['string', 'text'],
  ['object', { reason: 'an object', nested: [1, new Map([[1, 2]])] }],
  ['noPrototype', { reason: 'bare' }],
  ['date', new Date(0)],
] as const;

const resisting = [
  ['functionField', { message: 'carries a function', kept: 'kept' }],
  ['hostileField', { message: 'carries a trap', kept: 'kept' }],
  ['hostileStack', { message: 'hides its stack' }],
  ['hostileMessage', { name: 'TypeError' }],
  ['hostileName', { message: 'hides its name' }],
  ['proxiedError', {}],
  ['growingErrors', { name: 'AggregateError', message: 'grows' }],
  ['endlessErrors', { name: 'AggregateError', message: 'endless' }],
  ['ofAnotherRealm', { name: 'RangeError', message: 'elsewhere', code: 'E_REALM' }],
] as const;

const uncloneable = ['function', 'symbol', 'promise', 'weakMap', 'proxy', 'revokedProxy', 'getter'] as const;

/** A job that throws fails its own call, with what it threw. One executor for all of it: none of this may harm it. */
export function throwRows(subject: Subject): void {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.of(subject.backend);
  });
  afterAll(() => bench.end());

  /** What is thrown between two jobs that succeed, all in one batch. */
  async function thrownBy(what: string, how = throwing): Promise<any> {
    const calls = [
      bench.call(task('echo'), ['before']),
      bench.call(how, [what]),
      bench.call(task('echo'), ['after']),
    ];
    bench.submit(calls);
    const [before, outcome, after] = await bench.outcomesOf(calls);
    expect([before, after]).toEqual(['before', 'after'].map((value) => ({ status: 'fulfilled', value })));
    expect(outcome.status).toBe('rejected');
    return reasonOf(outcome);
  }

  for (const [what, type, message] of builtIn) {
    subject.row(`S29 a built-in error keeps its class, name and message: ${what}`, [], async () => {
      for (const how of [throwing, rejecting]) {
        const error = await thrownBy(what, how);
        expect(error).toBeInstanceOf(type);
        expect(Object.getPrototypeOf(error)).toBe(type.prototype);
        expect([error.name, error.message]).toEqual([type.name, message]);
      }
    });
  }

  subject.row('S29 the stack is that of the worker', [], async () => {
    const { stack } = await thrownBy('typeError');
    expect(stack).toContain('TypeError: type');
    expect(stack).toMatch(/typeError .*manager-throws\.js:\d+:\d+/);
  });

  subject.row('S29 name, code and own fields of an own class arrive, and its causes', [], async () => {
    const error = await thrownBy('payment');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'PaymentError',
      message: 'declined',
      code: 'E_PAYMENT',
      amount: 12n,
    });
    expect(error.details).toEqual({ items: new Map([['key', [1, 2]]]), when: new Date(0) });
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.cause.message).toBe('card');
    expect(error.cause.stack).toContain('manager-throws.js');
    expect(error.cause.cause).toBe('expired');
  });

  subject.row('S29 a code that the class gives arrives, and the fields of a system error', [], async () => {
    expect(await thrownBy('codeOnPrototype')).toMatchObject({ code: 'E_GETTER' });
    expect(await thrownBy('systemError')).toMatchObject({
      message: 'no such file',
      code: 'ENOENT',
      errno: -2,
      path: '/nowhere',
    });
  });

  subject.row('S29 the errors of an AggregateError arrive', [], async () => {
    const error = await thrownBy('aggregate');
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.message).toBe('several');
    expect(error.errors).toHaveLength(3);
    expect(error.errors[0]).toBeInstanceOf(TypeError);
    expect(error.errors[1]).toBe('second');
    expect(error.errors[2]).toBeInstanceOf(RangeError);
  });

  subject.row('S29 own fields that are not enumerable arrive', ['envelope'], async () => {
    const error = await thrownBy('hiddenField');
    expect(error.issues).toEqual([{ path: ['a'] }]);
    expect(Object.keys(error)).toEqual([]);
    expect(await thrownBy('assertion')).toMatchObject({
      name: 'AssertionError',
      code: 'ERR_ASSERTION',
      actual: { a: 1 },
      expected: { a: 2 },
      operator: 'deepStrictEqual',
    });
  });

  subject.row('S29 errors in fields arrive as they would if they were thrown', ['envelope'], async () => {
    const { original, errors, map } = await thrownBy('errorFields');
    expect(original).toBeInstanceOf(TypeError);
    expect(original).toMatchObject({ message: 'inner', code: 'E_INNER' });
    expect([errors[0], map.get(1)].every((error) => error === original)).toBe(true);
  });

  subject.row(
    'S29 of a field that cannot be copied as a whole, what can be arrives',
    ['envelope'],
    async () => {
      const { response } = await thrownBy('partsOfField');
      expect(response).toEqual({ status: 500, body: Buffer.from('no'), request: {} });
      expect(Buffer.isBuffer(response.body)).toBe(true);
    },
  );

  subject.row('S29 both errors of a SuppressedError arrive', ['envelope'], async () => {
    const error = await thrownBy('suppressed');
    expect(error).toMatchObject({ name: 'SuppressedError', message: 'both' });
    expect(error.error).toMatchObject({ message: 'closing failed' });
    expect(error.suppressed).toBeInstanceOf(RangeError);
    expect(error.suppressed.code).toBe('E');
    const { SuppressedError: known } = globalThis as unknown as { SuppressedError?: typeof Error };
    if (known !== undefined) expect(error).toBeInstanceOf(known);
  });

  subject.row('S29 a DOMException arrives as one', [], async () => {
    const error = await thrownBy('domException');
    expect(error).toBeInstanceOf(DOMException);
    expect([error.name, error.message]).toEqual(['AbortError', 'aborted by the job']);
  });

  subject.row('S29 causes that go in circles arrive, and long chains as far as they go', [], async () => {
    const own = await thrownBy('selfCause');
    expect(own.message).toBe('of itself');
    expect(own.cause).toBe(own);
    const deep = await thrownBy('deepCause');
    expect(deep.message).toBe('cause 999');
    expect(deep.cause.cause.cause.message).toBe('cause 996');
  });

  for (const [what, rest] of resisting) {
    subject.row(
      `S29 an error of which something cannot be read arrives with the rest: ${what}`,
      ['envelope'],
      async () => {
        const error = await thrownBy(what);
        expect(error).toBeInstanceOf(Error);
        expect(error).toMatchObject(rest);
      },
    );
  }

  for (const [what, value] of values) {
    subject.row(`S29 a thrown value that is no error arrives as it is: ${what}`, [], async () => {
      expect(await thrownBy(what)).toEqual(value);
      expect(await thrownBy(what, rejecting)).toEqual(value);
    });
  }

  for (const what of uncloneable) {
    subject.row(
      `S29 a thrown value that cannot be copied becomes a NotCloneableError: ${what}`,
      ['envelope'],
      async () => {
        const error = await thrownBy(what);
        expect(error).toBeInstanceOf(NotCloneableError);
        expect(error.code).toBe('ERR_LEASEPOOL_NOT_CLONEABLE');
      },
    );
  }

  subject.row('S29 calls that throw in a row each fail with their own error', [], async () => {
    const calls = bench.sendAll(
      task('fail'),
      range(300).map((index) => [`error ${index}`]),
    );
    const outcomes = await bench.outcomesOf(calls);
    expect(outcomes.map((outcome) => reasonOf(outcome).message)).toEqual(
      range(300).map((index) => `error ${index}`),
    );
    expect(new Set(outcomes.map(reasonOf)).size).toBe(300);
  });

  subject.row(
    'N7 a source task that lacks a variable is told what it lacks',
    ['envelope', 'source text'],
    async () => {
      const error = await bench.failure(sourceTask('(value) => value * nowhereDefined', 'scale'), [2]);
      expect(error).toBeInstanceOf(TaskReferenceError);
      expect(error).toMatchObject({
        code: 'ERR_LEASEPOOL_TASK_NOT_PORTABLE',
        taskName: 'scale',
        freeVariables: ['nowhereDefined'],
      });
    },
  );
}
