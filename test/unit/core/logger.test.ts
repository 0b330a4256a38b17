import { expect, test } from 'vitest';
import { type Logger, readLogger } from '../../../src/core/logger.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;

test('each level reaches its method, with its fields', () => {
  const entries: unknown[] = [];
  const record = (level: string) => (message: string, fields?: object) =>
    entries.push([level, message, fields]);
  const logger = readLogger({
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  });
  for (const level of levels) logger[level](`a ${level}`, { level });
  expect(entries).toEqual(levels.map((level) => [level, `a ${level}`, { level }]));
});

test('methods are called as methods', () => {
  class Counting implements Logger {
    count = 0;
    debug(): void {
      this.count++;
    }
    info(): void {
      this.count++;
    }
    warn(): void {
      this.count++;
    }
    error(): void {
      this.count++;
    }
  }
  const counting = new Counting();
  const { debug, error } = readLogger(counting);
  debug('one');
  error('two');
  expect(counting.count).toBe(2);
});

test('a logger that throws takes nothing with it', () => {
  const fail = (): never => {
    throw new Error('disk full');
  };
  const logger = readLogger({ debug: fail, info: fail, warn: fail, error: fail });
  for (const level of levels) expect(() => logger[level]('message')).not.toThrow();
});

test('without one nothing is logged', () => {
  const logger = readLogger(undefined);
  for (const level of levels) expect(logger[level]('message')).toBeUndefined();
});

test('console fits, and an object without all four methods does not', () => {
  expect(() => readLogger(console)).not.toThrow();
  for (const value of [null, {}, { debug() {}, info() {}, warn() {} }, () => {}, 'console']) {
    expect(() => readLogger(value)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  }
});
