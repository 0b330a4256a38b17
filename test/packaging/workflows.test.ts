import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const folder = '.github/workflows';
const workflows = readdirSync(folder).map((file) => `${folder}/${file}`);
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** `npm run name`, also with options before the name; `npm test` and `npm start` are scripts too. */
const runs = (text: string): string[] =>
  [...text.matchAll(/\bnpm (?:run(?: --\S+)* ([\w:-]+)|(test|start)\b)/g)].map(
    ([, run, short]) => run ?? short,
  );

test.each([...workflows, '.ci/run', 'CONTRIBUTING.md', '.changeset/README.md', 'package.json'])(
  '%s runs only scripts that exist',
  (path) => {
    const named = runs(readFileSync(path, 'utf8'));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  },
);

test.each(workflows)('%s uses only workflows that exist, and actions by their commits', (path) => {
  const used = [...readFileSync(path, 'utf8').matchAll(/\buses: (\S+)/g)].map(([, name]) => name);
  expect(used.length).toBeGreaterThan(0);
  const isSound = (name: string): boolean =>
    name.startsWith('./') ? existsSync(name) : /^[\w-]+\/[\w-]+@[\da-f]{40}$/.test(name);
  expect(used.filter((name) => !isSound(name))).toEqual([]);
});

test('N10 the newest types of Node are tried by that name, each night and by the build server', () => {
  expect(scripts['types:newest']).toBe('node scripts/newest-types.mjs');
  expect(readFileSync('scripts/newest-types.mjs', 'utf8')).toContain("'@types/node@latest'");
  expect(runs(readFileSync(`${folder}/nightly.yml`, 'utf8'))).toContain('types:newest');
  expect(readFileSync('scripts/test.mjs', 'utf8')).toMatch(/slow: \{ scripts: .*'types:newest'/);
  expect(runs(readFileSync('.ci/run', 'utf8'))).toContain('test:slow');
});

test('a release is published with its provenance, after what a pull request has to pass', () => {
  const release = readFileSync(`${folder}/release.yml`, 'utf8');
  expect(release).toMatch(/^ {2}publish:\n {4}needs: ci$/m);
  expect(release).toContain('id-token: write');
  expect(release).toMatch(/run: npm publish --provenance/);
  expect(readFileSync(`${folder}/ci.yml`, 'utf8')).toMatch(/^ {2}pull_request:$[^]*^ {2}workflow_call:$/m);
});
