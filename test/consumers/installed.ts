import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What consumers bring along. */
export const installed = join(import.meta.dirname, 'node_modules');

/** A package of its own, outside of this repository, where the packed package is installed, and `tools` are. */
export async function consumerWith(...tools: readonly string[]): Promise<string> {
  if (!existsSync(installed)) throw new Error(`Run "npm run install:consumers" first.`);
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'leasepool-consumers-')));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', root];
  const [{ filename }] = JSON.parse((await run('npm', packing)).stdout) as [{ filename: string }];
  // What installing a package without dependencies comes to; test/packaging has npm do it.
  const place = join(root, 'node_modules/leasepool');
  mkdirSync(place, { recursive: true });
  await run('tar', ['-xzf', join(root, filename), '-C', place, '--strip-components=1']);
  for (const tool of tools) symlinkSync(join(installed, tool), join(root, 'node_modules', tool), 'junction');
  return root;
}

/** The packages that some entries need, and everything those need, but for types of Node: those are the consumer's. */
export function linkOptionalPackages(root: string): void {
  const repository = join(import.meta.dirname, '../../node_modules');
  for (const name of readdirSync(repository).filter((each) => !each.startsWith('.'))) {
    const names = name.startsWith('@')
      ? readdirSync(join(repository, name)).map((each) => `${name}/${each}`)
      : [name];
    for (const each of names.filter(
      (other) => !['@types/node', 'undici-types', 'leasepool'].includes(other),
    )) {
      mkdirSync(dirname(join(root, 'node_modules', each)), { recursive: true });
      symlinkSync(join(repository, each), join(root, 'node_modules', each), 'junction');
    }
  }
}

/** Writes the files of a page of docs/, by the path that the first line of each block names. */
export function writeBlocks(page: string, folder: string): void {
  for (const [, path, code] of readFileSync(page, 'utf8').matchAll(/^```[tj]s\n\/\/ (\S+)\n([^]*?)^```$/gm)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), code);
  }
}
