import { expect, test } from 'vitest';
import { packArgs, packOutcome, unpackArgs, unpackOutcome } from '../../../src/bullmq/payload.ts';
import { NotCloneableError, PayloadTooLargeError } from '../../../src/core/errors.ts';

const limit = 10_000;

test('S29 values keep their types on the way', () => {
  const value = {
    map: new Map<unknown, unknown>([[1n, new Set([undefined, null, NaN])]]),
    date: new Date(0),
    view: new Float64Array([1.5, -0]),
    pattern: /x/giu,
  };
  expect(unpackArgs(packArgs([value, -0], limit).args)).toEqual([value, -0]);
  const reply = packOutcome(7, { status: 'fulfilled', value }, limit);
  expect(reply).toMatchObject({ kind: 'fulfilled', index: 7 });
  expect(unpackOutcome(reply)).toEqual({ status: 'fulfilled', value });
});

test('S29 errors keep their class, code, fields and cause', () => {
  const cause = new RangeError('inner');
  const reason = Object.assign(new TypeError('outer', { cause }), { code: 'E_OUTER', amount: 12n });
  const outcome = unpackOutcome(packOutcome(0, { status: 'rejected', reason }, limit)) as { reason: any };
  expect(outcome.reason).toBeInstanceOf(TypeError);
  expect(outcome.reason).toMatchObject({ message: 'outer', code: 'E_OUTER', amount: 12n });
  expect(outcome.reason.cause).toBeInstanceOf(RangeError);
});

test('S29 errors in arguments and results keep their class, code, fields and cause', () => {
  const error = Object.assign(new TypeError('inner', { cause: 'why' }), { code: 'E_INNER' });
  const value = { errors: [error], beside: 1 };
  const [seenArgument] = unpackArgs(packArgs([value], limit).args) as any[];
  const { value: seenResult } = unpackOutcome(packOutcome(0, { status: 'fulfilled', value }, limit)) as any;
  for (const seen of [seenArgument, seenResult]) {
    expect(seen.beside).toBe(1);
    expect(seen.errors[0]).toBeInstanceOf(TypeError);
    expect(seen.errors[0]).toMatchObject({ message: 'inner', code: 'E_INNER', cause: 'why' });
  }
});

test('S29 plain values travel as JSON, and are copied when they are packed', () => {
  const tags = ['a', null, true];
  const { args, bytes } = packArgs([{ id: 7, tags }], limit);
  tags.push('later');
  expect(args).toEqual([{ id: 7, tags: ['a', null, true] }]);
  expect(bytes).toBeGreaterThan(10);
  expect(packOutcome(0, { status: 'fulfilled', value: 'text' }, limit)).toEqual({
    kind: 'plain',
    index: 0,
    value: 'text',
  });
});

test('S30 what cannot travel is a NotCloneableError with the path of the part to blame', () => {
  const args = [{ list: [() => {}] }];
  expect(() => packArgs(args, limit)).toThrow(NotCloneableError);
  expect(() => packArgs(args, limit)).toThrow(/args\[0\]\.list\[0\]/);
  const reply = packOutcome(0, { status: 'fulfilled', value: { port: Symbol('port') } }, limit);
  expect(unpackOutcome(reply)).toMatchObject({ status: 'rejected', reason: { path: 'result.port' } });
});

test('M8 what is too large fails with its size, thrown values included', () => {
  const large = 'x'.repeat(limit);
  expect(() => packArgs([large], limit)).toThrow(PayloadTooLargeError);
  for (const outcome of [
    { status: 'fulfilled', value: large },
    { status: 'rejected', reason: large },
  ] as const) {
    const { status, reason } = unpackOutcome(packOutcome(0, outcome, limit)) as {
      status: string;
      reason: unknown;
    };
    expect(status).toBe('rejected');
    expect(reason).toBeInstanceOf(PayloadTooLargeError);
    expect((reason as PayloadTooLargeError).bytes).toBeGreaterThan(limit);
  }
});

test('S38 a view arrives with its class, in memory of its own', () => {
  const views = [Buffer.from('buffer'), new Float64Array([1.5, -0]), new Uint16Array([1, 2, 3]).subarray(1)];
  const packed = packArgs([views], limit).args as Uint8Array;
  const [args] = unpackArgs(Buffer.from(Buffer.from(packed).toString('base64'), 'base64')) as [typeof views];
  const { value } = unpackOutcome(packOutcome(0, { status: 'fulfilled', value: views }, limit)) as {
    value: unknown;
  };
  const reason = Object.assign(new Error('it'), { views });
  const outcome = unpackOutcome(packOutcome(0, { status: 'rejected', reason }, limit)) as { reason: any };
  for (const arrived of [args, value as typeof views, outcome.reason.views as typeof views]) {
    expect(arrived).toEqual(views);
    for (const [place, view] of arrived.entries()) {
      expect(Object.getPrototypeOf(view)).toBe(Object.getPrototypeOf(views[place]));
      expect(view.buffer.byteLength).toBe(views[place].byteLength);
    }
  }
});

test('S39 arguments arrive whatever somebody has given all objects', () => {
  const { args } = packArgs([new Date(0)], limit);
  Object.defineProperty(Object.prototype, 'errors', { value: [], configurable: true });
  try {
    expect(unpackArgs(args)).toEqual([new Date(0)]);
  } finally {
    Reflect.deleteProperty(Object.prototype, 'errors');
  }
});
