import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { NamedModules, readTaskModules, ServedModules } from '../../../src/bullmq/task-modules.ts';

const tasks = 'file:///srv/tasks.js';

const locate = (served: ServedModules, module: string, name: string): string =>
  served.locate({ module, name }).module;

const nameOf = (named: NamedModules, module: string): string =>
  named.wireTask({ module, name: 'resize' }).module;

test('T2 a listed module is served under its own URL, and under no other', () => {
  const served = new ServedModules(readTaskModules([tasks, 'photos/tasks']));
  expect(locate(served, tasks, 'resize')).toBe(tasks);
  expect(locate(served, 'photos/tasks', 'resize')).toBe('photos/tasks');
  for (const other of ['file:///srv/other.js', 'photos', 'node:fs', 'data:text/javascript,0', `${tasks}/..`])
    expect(() => locate(served, other, 'resize'), other).toThrow(/does not serve/);
});

test('T2 the refusal says what is served, and of which task it is', () => {
  const served = new ServedModules(readTaskModules({ photos: tasks }));
  const refusal = (): unknown => locate(served, 'node:fs', 'rm');
  expect(refusal).toThrow(/it serves photos/);
  expect(refusal).toThrow(expect.objectContaining({ code: 'ERR_LEASEPOOL_TASK_NOT_FOUND', taskName: 'rm' }));
});

test('T2 a module with a name is known by it on both sides', () => {
  const served = new ServedModules(readTaskModules({ photos: tasks }));
  const named = new NamedModules(readTaskModules({ photos: 'file:///home/me/tasks.js' }));
  expect(nameOf(named, 'file:///home/me/tasks.js')).toBe('photos');
  expect(locate(served, 'photos', 'resize')).toBe(tasks);
  expect(nameOf(named, 'file:///else.js')).toBe('file:///else.js');
});

test('T2 a query names another evaluation of the same file, and is kept', () => {
  const served = new ServedModules(readTaskModules({ photos: tasks }));
  const named = new NamedModules(readTaskModules({ photos: 'file:///home/me/tasks.js' }));
  expect(locate(served, nameOf(named, 'file:///home/me/tasks.js?again#2'), 'resize')).toBe(
    `${tasks}?again#2`,
  );
});

test('T2 a module behind a link is served under its real name, too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'leasepool-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'real.js'), '');
  symlinkSync('real.js', join(folder, 'link.js'));
  const [link, real] = ['link.js', 'real.js'].map((file) => pathToFileURL(join(folder, file)).href);
  const served = new ServedModules(readTaskModules([link]));
  expect(locate(served, real, 'resize')).toBe(link);
});

test.each([
  ['a text', 'tasks.js'],
  ['nothing', undefined],
  ['numbers', [1]],
  ['a relative path', ['./tasks.js']],
  ['a module from the network', ['https://example.com/tasks.js']],
])('S24 %s is refused', (_what, given) => {
  expect(() => readTaskModules(given)).toThrow();
});
