import { describe, expect, test } from 'vitest';
import { suggestion } from '../../../src/core/suggestion.ts';

const manager = [
  'backend',
  'maxPools',
  'minPools',
  'idleSeconds',
  'workersPerPool',
  'namePrefix',
  'logger',
  'workerOptions',
  'startTimeoutSeconds',
];
const grinder = [
  'executorManager',
  'maxWaitSeconds',
  'ownerPrefix',
  'maxQueueSize',
  'leaseSeconds',
  'logger',
];
const ofSubmit = ['owner', 'signal', 'transfer', 'timeoutSeconds', 'queueTimeoutSeconds'];

describe('S24 what is said of an unknown option', () => {
  test.each([
    ['maxPool', 'maxPools'],
    ['max_pools', 'maxPools'],
    ['loger', 'logger'],
    ['Backends', 'backend'],
    ['idleSecs', 'idleSeconds'],
    ['prefix', 'namePrefix'],
  ])('names the one that is near: %s', (key, near) => {
    expect(suggestion('LeasedExecutorManager', key, manager)).toBe(`; did you mean "${near}"?`);
  });

  test.each([
    'concurrently',
    'foo',
    'x',
    'a',
    'constructor',
    'toString',
    '__proto__',
    'hasOwnProperty',
    '',
    'ner',
  ])('names none that is far away: %s', (key) => {
    const meant = suggestion(
      'LeasedExecutorManager',
      key,
      ['ownerPrefix', 'executorManager', 'dispatch', 'asyncTasks'].filter(
        (name) => !name.toLowerCase().includes(key) || key.length < 3,
      ),
    );
    expect(meant).toBe('');
  });

  test('names what another library calls so, where it is an option', () => {
    expect(suggestion('LeasedExecutorManager', 'maxThreads', manager)).toBe(
      '; did you mean "workersPerPool"?',
    );
    expect(suggestion('LeasedExecutorManager', 'max-threads', manager)).toBe(
      '; did you mean "workersPerPool"?',
    );
    expect(suggestion('enqueue()', 'transferList', ofSubmit)).toBe('; did you mean "transfer"?');
  });

  test('says where it is an option, where it is none', () => {
    expect(suggestion('WorkGrinder', 'concurrency', grinder)).toBe(
      '; that is "workersPerPool", an option of LeasedExecutorManager.',
    );
    expect(suggestion('LeasedExecutorManager', 'taskTimeout', manager)).toBe(
      '; that is "timeoutSeconds", an option of submit().',
    );
    expect(suggestion('LeasedExecutorManager', 'execArgv', manager)).toContain(
      'the workerOptions of a manager',
    );
    expect(suggestion('submitFromThread()', 'transferList', ['owner'])).toContain('an option of submit()');
  });

  test('says what to do instead, where there is nothing of the kind', () => {
    expect(suggestion('LeasedExecutorManager', 'maxRetries', manager)).toMatch(
      /^\. Nothing is tried again by itself/,
    );
    expect(suggestion('LeasedExecutorManager', 'filename', manager)).toMatch(/^\. A task is a function/);
    expect(suggestion('submit()', 'name', ofSubmit)).toMatch(/^\. A task goes by its function/);
  });

  test('takes a name of which it is the beginning before what it is elsewhere', () => {
    expect(suggestion('acquire()', 'timeout', ['leaseSeconds', 'timeoutSeconds'])).toBe(
      '; did you mean "timeoutSeconds"?',
    );
    expect(suggestion('LeasedExecutorManager', 'timeout', manager)).toContain('an option of submit()');
  });

  test('shows names as they are written there', () => {
    const flag = (name: string): string => `--${name}`;
    expect(suggestion('leasepool run', 'max-threads', ['workers', 'batch'], flag)).toBe(
      '; did you mean --workers?',
    );
  });
});
