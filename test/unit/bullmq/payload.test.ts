import { expect, test } from 'vitest';
import { packArgs, packOutcome, unpackArgs, unpackOutcome } from '../../../src/bullmq/payload.ts';
import { NotCloneableError, PayloadTooLargeError } from '../../../src/ground/errors.ts';

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
