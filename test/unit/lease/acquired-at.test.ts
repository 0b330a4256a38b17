import { afterEach, expect, test, vi } from 'vitest';
import { AcquiredAt } from '../../../src/lease/acquired-at.ts';

const { stackTraceLimit, prepareStackTrace } = Error;
afterEach(() => void Object.assign(Error, { stackTraceLimit, prepareStackTrace }));

function acquire(): AcquiredAt {
  return new AcquiredAt(acquire);
}

function userOfAcquire(depth = 0): AcquiredAt {
  return depth === 0 ? acquire() : userOfAcquire(depth - 1);
}

test('M4 the place where a lease was acquired begins with who called, and has few lines', () => {
  const lines = userOfAcquire(20).text.split('\n');
  expect(lines[0]).toMatch(/^ +at userOfAcquire .*acquired-at\.test\.ts:\d+:\d+\)$/);
  expect(lines).toHaveLength(5);
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});

test('M4 the place where a lease was acquired is as short as the program wants stack traces to be', () => {
  Error.stackTraceLimit = 2;
  expect(userOfAcquire(20).text.split('\n')).toHaveLength(2);
  Error.stackTraceLimit = 0;
  expect(userOfAcquire().text).toBe('');
});

test('M4 the place where a lease was acquired is made into text once, and only when asked for', () => {
  const prepare = vi.fn((_: Error, frames: NodeJS.CallSite[]) => `    at ${frames[0]!.getFunctionName()}`);
  Error.prepareStackTrace = prepare;
  const place = userOfAcquire();
  expect(prepare).not.toHaveBeenCalled();
  expect([place.text, place.text]).toEqual(['    at userOfAcquire', '    at userOfAcquire']);
  expect(prepare).toHaveBeenCalledTimes(1);
});

test('M4 the place where a lease was acquired is nothing where stack traces throw', () => {
  Error.prepareStackTrace = () => {
    throw new Error('not today');
  };
  expect(userOfAcquire().text).toBe('');
});
