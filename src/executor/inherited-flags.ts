import { withoutPrototype } from '../core/without-prototype.ts';
import type { WorkerSettings } from './executor.ts';
import { process, RegExp, String } from '../core/globals.ts';

/**
 * A worker inherits the flags that are about the runtime: how modules are found and read, what V8 may use, what is
 * traced and reported. It does not inherit those below.
 */

/** They say what to run, and how often, instead of the worker's own file: it would run the program, or nothing. */
const ofAnotherProgram = namesLike(
  String.raw`e|p|pe|eval|print|c|check|i|interactive|h|help|v|version|v8-options|completion-bash`,
  String.raw`input-type|entry-url|run|test|watch|bench|(?:experimental-)?(?:test|bench)-.+|watch-.+|experimental-bench`,
  String.raw`build-.+|experimental-sea-config|snapshot-blob|prof-process|expose-internals`,
  '', // A lone `--`: nothing but the program follows it.
);

/** They hold for one process only: a port, a file that the next one would overwrite, a time it has, a signal that ends it. */
const ofOneProcess = namesLike(
  String.raw`inspect(?:-.+)?|debug(?:-port|-brk)?|title|env-file(?:-if-exists)?`,
  String.raw`cpu-prof-name|heap-prof-name|report-filename|trace-sigint|(?:report-on-)?process-timeout`,
);

/** What a thread may be given of the flags of its process; the others hold for the whole process anyway. */
const ofThreads = namesLike(
  String.raw`r|require|import|loader|experimental-loader|C|conditions|preserve-symlinks(?:-main)?|enable-source-maps`,
  String.raw`unhandled-rejections|warnings|disable-warning|trace-(?:warnings|deprecation|uncaught|exit|sync-io)`,
  String.raw`(?:throw-|pending-)?deprecation|(?:experimental-)?strip-types|(?:experimental-)?require-module`,
  String.raw`experimental-(?:default-type|transform-types|detect-module|import-meta-resolve|vm-modules|wasm-modules)`,
  String.raw`experimental-(?:addon-modules|import-text|sqlite|websocket|eventsource|webstorage|global-navigator)`,
);

/** The settings that a program gives for its workers. */
type Given = Pick<WorkerSettings, 'execArgv' | 'env'> | undefined;

/** What a child process is started with: what is given, as far as it can be used, or what it inherits. */
export function settingsForProcess(
  given: Given,
  flags: readonly string[] = process.execArgv,
  env: NodeJS.ProcessEnv = process.env,
): { readonly execArgv: string[]; readonly env: NodeJS.ProcessEnv } {
  const execArgv =
    given?.execArgv === undefined
      ? without([ofAnotherProgram, ofOneProcess], flags)
      : without([ofAnotherProgram], given.execArgv);
  return { execArgv, env: withUsableOptions(typeof given?.env === 'object' ? given.env : env, env) };
}

/**
 * What a thread is started with, as far as it differs from what is given. What it inherits is left to Node, which knows
 * best, unless a flag would keep the thread from starting.
 */
export function settingsForThread(
  given: Given,
  flags: readonly string[] = process.execArgv,
  env: NodeJS.ProcessEnv = process.env,
): Given {
  const base = typeof given?.env === 'object' ? given.env : env;
  const isShared = typeof given?.env === 'symbol';
  const isHindered = !isShared && hinderThreads(optionsIn(base));
  const settings = isHindered ? { env: withUsableOptions(base, env) } : {};
  if (given?.execArgv !== undefined)
    return { ...settings, execArgv: without([ofAnotherProgram], given.execArgv) };
  if (!isHindered && !hinderThreads(flags)) return settings;
  const inherited = groups(flags).filter(([flag]) => ofThreads.test(nameOf(flag)));
  return { ...settings, execArgv: inherited.flat() };
}

/** Whether they would keep a thread from starting. The others do nothing there: a thread has no program of its own. */
function hinderThreads(flags: readonly string[]): boolean {
  return flags.some((flag) => /^(?:input-type|inspect(?:-.+)?)$/.test(nameOf(flag)));
}

/** `NODE_OPTIONS` without what a worker does not inherit. Another one, given for workers, keeps what is of one process. */
function withUsableOptions(env: NodeJS.ProcessEnv, inherited: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = withoutPrototype(env);
  const isInherited = own['NODE_OPTIONS'] === inherited['NODE_OPTIONS'];
  const options = optionsIn(own);
  const kept = without(isInherited ? [ofAnotherProgram, ofOneProcess] : [ofAnotherProgram], options);
  if (kept.length < options.length) own['NODE_OPTIONS'] = kept.join(' ');
  return own;
}

/** Quoted as they are. */
function optionsIn(env: NodeJS.ProcessEnv): readonly string[] {
  return env['NODE_OPTIONS']?.match(/(?:[^ "]|"(?:\\.|[^"\\])*")+/g) ?? [];
}

function without(names: readonly RegExp[], flags: readonly string[]): string[] {
  return groups(flags)
    .filter(([flag]) => !names.some((each) => each.test(nameOf(flag))))
    .flat();
}

/** Each flag with its value, where that is an argument of its own: Node takes none for a value that begins with a dash. */
function groups(flags: readonly string[]): string[][] {
  const found: string[][] = [];
  for (const flag of flags) {
    if (found.length === 0 || /^"?-/.test(flag)) found.push([flag]);
    else found.at(-1)!.push(flag);
  }
  return found;
}

/** `--no-warnings`, `--warnings` and `--max_old_space_size=100` as Node reads them: `warnings`, `max-old-space-size`. */
function nameOf(flag: string): string {
  return flag
    .replaceAll('"', '')
    .replace(/=[^]*/, '')
    .replace(/^--?(?:no-)?/, '')
    .replaceAll('_', '-');
}

function namesLike(...patterns: readonly string[]): RegExp {
  return new RegExp(`^(?:${patterns.join('|')})$`);
}
