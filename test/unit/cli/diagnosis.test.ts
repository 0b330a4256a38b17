import { describe, expect, test } from 'vitest';
import { diagnose, diagnosisText } from '../../../src/cli/diagnosis.ts';
import { ImportReentryError, TaskReferenceError } from '../../../src/index.ts';

const name = { module: 'file:///t.js', name: 'hash' };
const fixOf = (finding: Parameters<typeof diagnose>[2], task = name): string | undefined =>
  Object.fromEntries(diagnose('./t.js#hash', task, finding).details)['fix'];
const broken = (cause?: unknown) => {
  const details = { taskName: 'hash', ...(cause === undefined ? undefined : { cause }) };
  return {
    status: 'broken',
    error: new TaskReferenceError('ERR_LEASEPOOL_TASK_MODULE', 'no module', details),
  } as const;
};

describe('a diagnosis', () => {
  test('of a task that is there names its module and the tasks beside it', () => {
    const diagnosis = diagnose('./t.js#hash', name, {
      status: 'found',
      task: name,
      taskNames: ['hash', 'sum'],
    });
    expect(diagnosis.isWell).toBe(true);
    expect(diagnosisText(diagnosis, (_, text) => text)).toBe(
      '✔ ./t.js#hash can run in a worker\n\n  module  file:///t.js\n  task    hash\n  tasks   hash, sum\n',
    );
  });

  test('of a name that is not there says what to do', () => {
    expect(fixOf({ status: 'missing', task: name, taskNames: ['Hash'] })).toBe("it is called 'Hash'");
    expect(fixOf({ status: 'missing', task: name, taskNames: ['sum'] })).toContain('export');
    const unnamed = { ...name, name: 'default' };
    expect(fixOf({ status: 'missing', task: name, taskNames: ['sum'] }, unnamed)).toBe(
      'say which task: module#sum',
    );
  });

  test('of a module that is not there, or does not load, says what to do', () => {
    expect(fixOf(broken())).toContain('working directory');
    expect(fixOf(broken(Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' })))).toContain(
      'install',
    );
    expect(fixOf(broken(new SyntaxError('x')))).toContain('load by itself');
    expect(fixOf(broken(new ImportReentryError('x')))).toContain('starts no manager');
    expect(fixOf({ status: 'broken', error: 'thrown' })).toBe('see the error');
  });

  test('shows each cause on a line of its own', () => {
    const { details } = diagnose('t', name, broken(new SyntaxError('bad', { cause: 'thrown' })));
    expect(details.slice(2, 5)).toEqual([
      ['error', 'ERR_LEASEPOOL_TASK_MODULE: no module'],
      ['cause', 'SyntaxError: bad'],
      ['cause', "'thrown'"],
    ]);
  });
});
