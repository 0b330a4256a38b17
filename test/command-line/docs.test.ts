import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandWith, newFolder } from '../support/command.ts';

const page = readFileSync('docs/command-line.md', 'utf8');

test('the first example does what the page shows', async () => {
  const [, code] = /^```js\n\/\/ tasks\.js\n([^]*?)^```$/m.exec(page)!;
  const cwd = newFolder();
  writeFileSync(join(cwd, 'tasks.js'), code);
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(cwd, 'items.ndjson'), '1\nx\n');
  const [doctor, run] = [...page.matchAll(/^\$ leasepool (.*)$/gm)].map(([, line]) => line.split(' '));
  const shown = /^\$ leasepool doctor .*\n([^]*?)^\$/m.exec(page)![1];
  const found = await commandWith('', doctor, { cwd });
  expect(found.stdout.replace(/file:.*tasks\.js/, 'file:///home/me/tasks.js')).toBe(shown);
  expect(await commandWith('', run, { cwd })).toMatchObject({ exitCode: 3, stdout: '' });
  expect(readFileSync(join(cwd, 'hashes.ndjson'), 'utf8')).toMatch(/^"[\da-f]{64}"\n$/);
  expect(readFileSync(join(cwd, 'failed.ndjson'), 'utf8')).toContain('INVALID_JSON');
});

test('the table has every option of the help', async () => {
  const { stdout } = await commandWith('', ['run', '--help']);
  const options = [...stdout.matchAll(/(--[a-z-]+)/g)].map(([, option]) => option);
  expect(options.length).toBeGreaterThan(10);
  for (const option of options.filter((each) => each !== '--help'))
    expect(page).toMatch(new RegExp(`^\\| .*\`${option}`, 'm'));
});
