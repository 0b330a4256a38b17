import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { process, String } from '../core/globals.ts';

let registered = false;

/**
 * On Node 20 the hooks of tsx do not reach worker threads. When an import failed for that reason and the program runs
 * under tsx, its hooks are registered here, once.
 *
 * @returns whether to try the import again
 */
export async function registerTypeScript(error: unknown): Promise<boolean> {
  if (registered || (error as { code?: unknown } | null)?.code !== 'ERR_UNKNOWN_FILE_EXTENSION') return false;
  const options = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')];
  const tsx = options
    .map((option) => option.replace(/^--[a-z]+=/, ''))
    .find((option) => /\btsx\b/.test(option));
  if (tsx === undefined) return false;
  registered = true;
  try {
    // From its own path when it was given by one (as the `tsx` command does), from the application's otherwise.
    const from = tsx.startsWith('file:') || isAbsolute(tsx) ? tsx : join(process.cwd(), 'here');
    // What `require` resolves to stands beside the ES module, and cannot register hooks.
    const api = createRequire(from)
      .resolve('tsx/esm/api')
      .replace(/\.cjs$/, '.mjs');
    ((await import(pathToFileURL(api).href)) as { register: () => unknown }).register();
    return true;
  } catch {
    return false;
  }
}

/** What to do when TypeScript could not be loaded; empty when that is not what happened. */
export function typeScriptHint(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /"\.[cm]?ts"/.test(String(message))) {
    return (
      `. Node ${process.version} does not run TypeScript: compile it, start the program with "node --import tsx", ` +
      `or give the manager workerOptions: { execArgv: ['--import=tsx'] }. Node 22.18 and later need none of this.`
    );
  }
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return '. Node only strips types: start the program with "node --import tsx", or compile it.';
  }
  if (code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') {
    return '. Node runs no TypeScript of packages: compile it.';
  }
  return '';
}
