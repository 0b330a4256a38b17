import { describe, expect, test } from 'vitest';
import { failureLine, failureOf, readJob, resultLine } from '../../../src/cli/records.ts';

const lineOf = (text: string | undefined, number = 7) => ({ number, text, bytes: 9 });

describe('a line', () => {
  test('is a job whose argument is its value', () => {
    expect(readJob(lineOf('{"a":[1]}\r\n'), false)).toEqual({ line: 7, bytes: 9, args: [{ a: [1] }] });
    expect(readJob(lineOf('[1,2]'), false)).toMatchObject({ args: [[1, 2]] });
    expect(readJob(lineOf('null'), false)).toMatchObject({ args: [null] });
  });

  test('is an array of arguments when it is spread', () => {
    expect(readJob(lineOf('[1,"a"]'), true)).toMatchObject({ args: [1, 'a'] });
    expect(readJob(lineOf('{}'), true)).toMatchObject({ line: 7, code: 'NOT_AN_ARRAY' });
  });

  test.each(['', '\n', ' \t\r\n'])('that is blank (%j) is none', (text) => {
    expect(readJob(lineOf(text), false)).toBeUndefined();
  });

  test('may begin the file with a byte order mark, and no other line may', () => {
    expect(readJob(lineOf('\uFEFF1', 1), false)).toMatchObject({ args: [1] });
    expect(readJob(lineOf('\uFEFF1', 2), false)).toMatchObject({ code: 'INVALID_JSON' });
  });

  test('that is no JSON, or too long, is a failure', () => {
    expect(readJob(lineOf('{'), false)).toEqual({
      line: 7,
      code: 'INVALID_JSON',
      message: expect.any(String),
    });
    expect(readJob(lineOf(undefined), false)).toMatchObject({ line: 7, code: 'LINE_TOO_LONG' });
  });
});

describe('a result', () => {
  test('is a line of JSON, with its number when that is wanted', () => {
    expect(resultLine({ a: 'ä\n' }, 3, false)).toBe('{"a":"ä\\n"}\n');
    expect(resultLine([1], 3, true)).toBe('{"line":3,"value":[1]}\n');
    expect(resultLine(undefined, 3, true)).toBe('{"line":3,"value":null}\n');
    expect(resultLine(Number.NaN, 3, false)).toBe('null\n');
  });

  test('that JSON has no way to tell is a failure', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const value of [1n, circle])
      expect(resultLine(value, 3, false)).toMatchObject({ code: 'RESULT_NOT_JSON' });
  });
});

describe('a failure', () => {
  test('has the code of its error, or else its name', () => {
    expect(failureOf(3, Object.assign(new Error('no'), { code: 'ENOENT' }))).toEqual({
      line: 3,
      code: 'ENOENT',
      message: 'no',
    });
    expect(failureOf(3, new RangeError('no'))).toMatchObject({ code: 'RangeError' });
    expect(failureOf(3, { odd: true })).toEqual({ line: 3, code: 'THROWN', message: '{ odd: true }' });
  });

  test('is one line of JSON', () => {
    expect(failureLine({ line: 3, code: 'X', message: 'a\nb' })).toBe(
      '{"line":3,"code":"X","message":"a\\nb"}\n',
    );
  });
});
