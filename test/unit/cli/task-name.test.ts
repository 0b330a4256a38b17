import { expect, test } from 'vitest';
import { readTaskName } from '../../../src/cli/task-name.ts';

const read = (text: string) => readTaskName(text, '/home/me', (path) => path === '/home/me/here.js');

test.each([
  ['./tasks.js#hash', 'file:///home/me/tasks.js', 'hash'],
  ['../tasks.js#hash', 'file:///home/tasks.js', 'hash'],
  ['/tasks.js#hash', 'file:///tasks.js', 'hash'],
  ['file:///tasks.js#hash', 'file:///tasks.js', 'hash'],
  ['here.js#hash', 'file:///home/me/here.js', 'hash'],
  ['there.js#hash', 'there.js', 'hash'],
  ['@scope/package/tasks#hash', '@scope/package/tasks', 'hash'],
  ['node:path#basename', 'node:path', 'basename'],
  ['./a#b/tasks.js#hash', 'file:///home/me/a%23b/tasks.js', 'hash'],
  ['./tasks.js', 'file:///home/me/tasks.js', 'default'],
  ['./with space.js#ä', 'file:///home/me/with%20space.js', 'ä'],
])('%s is a task of %s', (text, module, name) => {
  expect(read(text)).toEqual({ module, name });
});
