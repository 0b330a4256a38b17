import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CodeBlock {
  readonly name: string;
  readonly code: string;
}

/** The TypeScript and JavaScript of a page. Each block begins with the name of its file; they import each other by these names. */
export function codeBlocks(page: string): CodeBlock[] {
  return [...readFileSync(page, 'utf8').matchAll(/^```(?:ts|js)\n([^]*?)^```$/gm)].map(([, code]) => ({
    name: /^\/\/ ([\w-]+)\.ts\n/.exec(code)?.[1] ?? '',
    code,
  }));
}

/** Compiles them in a folder of their own, inside the package, so that 'leasepool' is the package itself. */
export async function compileBlocks(blocks: readonly CodeBlock[], folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, code } of blocks) writeFileSync(join(folder, `${name}.ts`), code);
  const up = '../'.repeat(folder.split('/').length);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: `${up}tsconfig.base.json` }));
  const compiler = 'node_modules/typescript/bin/tsc';
  await run(process.execPath, [compiler, '-p', folder]).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
}

/** The lines that a program prints and those that its comments say: after the call, or in `// prints:` lines. */
export async function printedAndPromised(
  { name, code }: CodeBlock,
  folder: string,
): Promise<{ readonly printed: readonly string[]; readonly promised: readonly string[]; stderr: string }> {
  const promised = [...code.matchAll(/(?:console\.log\(.*\); \/\/|^\/\/ prints:) (.*)$/gm)];
  const { stdout, stderr } = await run(process.execPath, [join(folder, `${name}.js`)], { timeout: 20_000 });
  return { printed: stdout.trimEnd().split('\n'), promised: promised.map(([, line]) => line), stderr };
}
