// node scripts/newest-types.mjs: installs the packed package with what a newcomer gets today, the newest TypeScript and
// @types/node, and compiles every entry without `skipLibCheck`. Fails as well when the registry cannot be asked.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'leasepool-newest-types-'));

function npm(args, cwd) {
  // Built by whoever calls this: `npm pack` would rebuild dist under the feet of others.
  const options = { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  return execFileSync('npm', [...args, '--ignore-scripts', '--no-audit', '--no-fund'], options);
}

const versionOf = (name) =>
  JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;

try {
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], '.'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  const optional = Object.keys(manifest.peerDependencies).map(
    (name) => `${name}@${manifest.devDependencies[name]}`,
  );
  npm(
    [
      'install',
      '--prefer-online',
      join(folder, filename),
      '@types/node@latest',
      'typescript@latest',
      ...optional,
    ],
    folder,
  );
  for (const program of ['main.mts', 'main.cts', 'dynamic.cts', 'tasks.mts', 'entries.mts'])
    cpSync(resolve('test/consumers/programs', program), join(folder, program));
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
  };
  const files = ['main.mts', 'main.cts', 'dynamic.cts', 'entries.mts'];
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  console.log(`TypeScript ${versionOf('typescript')}, @types/node ${versionOf('@types/node')}`);
  const compiler = join(folder, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', folder], { stdio: 'inherit' });
} catch (error) {
  console.error(
    `The newest types cannot be checked, or the package does not compile with them: ${error.message}`,
  );
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
