import { expect, test } from 'vitest';
import { Problems } from '../../../src/bullmq/problems.ts';

test('a problem is a warning when it is new, and for whoever debugs while it lasts', () => {
  const told: string[] = [];
  const at = (level: string) => (_message: string, fields?: object) =>
    void told.push(`${level} ${(fields as { error: Error }).error.message}`);
  const problems = new Problems({
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  });
  for (const problem of ['refused', 'refused', 'no memory', 'refused'])
    problems.tell('problem', new Error(problem));
  problems.over();
  problems.tell('problem', new Error('refused'));
  expect(told).toEqual(['warn refused', 'debug refused', 'warn no memory', 'debug refused', 'warn refused']);
});
