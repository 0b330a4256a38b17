import { parseArgs, type ParseArgsConfig } from 'node:util';
import { suggestion } from '../backend.ts';

/** What the command line asks for. */
export type Command =
  | { readonly kind: 'help'; readonly about: CommandName | undefined }
  | { readonly kind: 'version' }
  | { readonly kind: 'misuse'; readonly problem: string; readonly about: CommandName | undefined }
  | RunCommand
  | DoctorCommand;

export type CommandName = 'run' | 'doctor';

type Backend = 'thread' | 'process' | 'inline';

export interface RunCommand {
  readonly kind: 'run';
  /** `module#name`, as written. */
  readonly task: string;
  readonly backend: Backend;
  readonly workers: number | undefined;
  readonly batch: number;
  readonly concurrency: number | undefined;
  readonly timeoutSeconds: number | undefined;
  /** Paths; the standard streams without them. */
  readonly input: string | undefined;
  readonly output: string | undefined;
  readonly errors: string | undefined;
  readonly isOrdered: boolean;
  /** Each result with the number of its line. */
  readonly isNumbered: boolean;
  /** Each line is an array of arguments. */
  readonly isSpread: boolean;
  readonly showsProgress: boolean;
}

export interface DoctorCommand {
  readonly kind: 'doctor';
  readonly task: string;
  readonly backend: Backend;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;

const always = { help: { ...flag, short: 'h' }, version: { ...flag, short: 'v' } } as const;

const optionsOf = {
  run: {
    ...always,
    backend: text,
    batch: { ...text, short: 'b' },
    concurrency: { ...text, short: 'c' },
    errors: { ...text, short: 'e' },
    input: { ...text, short: 'i' },
    'no-progress': flag,
    numbered: { ...flag, short: 'n' },
    output: { ...text, short: 'o' },
    spread: flag,
    timeout: { ...text, short: 't' },
    unordered: { ...flag, short: 'u' },
    workers: { ...text, short: 'w' },
  },
  doctor: { ...always, backend: text },
} as const;

/** What is wrong with the arguments, on its way out of here. */
class Misuse extends Error {}

/** Reads the arguments after `leasepool`. Pure; never throws. */
export function readCommand(args: readonly string[]): Command {
  const [name, ...rest] = args;
  if (name === 'run' || name === 'doctor') return attempt(name, () => readers[name](rest));
  if (name === undefined || name === 'help') {
    const about = rest[0] === 'run' || rest[0] === 'doctor' ? rest[0] : undefined;
    return { kind: 'help', about };
  }
  return attempt(undefined, () => {
    const { values } = parse('leasepool', { args, options: always, allowPositionals: true });
    if (values.version) return { kind: 'version' };
    if (values.help) return { kind: 'help', about: undefined };
    throw new Misuse(`there is no command '${name}'`);
  });
}

const readers = {
  run(args: readonly string[]): Command {
    const { values, positionals } = parse('leasepool run', {
      args,
      options: optionsOf.run,
      allowPositionals: true,
    });
    if (values.help) return { kind: 'help', about: 'run' };
    if (values.version) return { kind: 'version' };
    const { input, output, errors } = values;
    return {
      kind: 'run',
      task: onlyTask(positionals),
      backend: backendOf(values.backend),
      workers: count('workers', values.workers),
      batch: count('batch', values.batch) ?? 20,
      concurrency: count('concurrency', values.concurrency),
      timeoutSeconds: seconds('timeout', values.timeout),
      input: path('input', input),
      output: path('output', output),
      errors: path('errors', errors),
      isOrdered: !values.unordered,
      isNumbered: values.numbered,
      isSpread: values.spread,
      showsProgress: !values['no-progress'],
    };
  },

  doctor(args: readonly string[]): Command {
    const { values, positionals } = parse('leasepool doctor', {
      args,
      options: optionsOf.doctor,
      allowPositionals: true,
    });
    if (values.help) return { kind: 'help', about: 'doctor' };
    if (values.version) return { kind: 'version' };
    return { kind: 'doctor', task: onlyTask(positionals), backend: backendOf(values.backend) };
  },
};

function attempt(about: CommandName | undefined, read: () => Command): Command {
  try {
    return read();
  } catch (error) {
    if (error instanceof Misuse) return { kind: 'misuse', problem: error.message, about };
    throw error;
  }
}

/** @param command whose arguments they are */
function parse<C extends ParseArgsConfig>(command: string, config: C): ReturnType<typeof parseArgs<C>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // The first sentence says what is wrong; the others what an argument that begins with a dash would need.
    const [problem] = (error as Error).message.split(/\. |\n/);
    const [, name] = /^Unknown option '--?([^'=]+)/.exec(problem!) ?? [];
    const known = Object.keys(config.options ?? {});
    const meant = name === undefined ? '' : suggestion(command, name, known, (option) => `--${option}`);
    throw new Misuse(problem!.charAt(0).toLowerCase() + problem!.slice(1) + meant);
  }
}

function onlyTask(positionals: readonly string[]): string {
  const [task, ...others] = positionals;
  if (task === undefined) throw new Misuse('which task? Give it as module#name, such as ./tasks.js#hash');
  if (others.length > 0) throw new Misuse(`one task only, not '${others.join(' ')}' as well`);
  return task;
}

function backendOf(given: string | undefined): Backend {
  if (given === undefined) return 'thread';
  if (given === 'thread' || given === 'process' || given === 'inline') return given;
  throw new Misuse(`--backend is thread, process or inline, not '${given}'`);
}

function count(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= 1 && Number.isSafeInteger(value)) return value;
  throw new Misuse(`--${name} is a whole number, at least 1, not '${given}'`);
}

function seconds(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (/^[\d.]+$/.test(given) && value > 0 && value < Infinity) return value;
  throw new Misuse(`--${name} is a number of seconds above 0, not '${given}'`);
}

function path(name: string, given: string | undefined): string | undefined {
  if (given === '') throw new Misuse(`--${name} needs a path`);
  return given === '-' ? undefined : given;
}
