import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

const main = resolve('dist/cli/main.js');
export const tasks = resolve('test/tasks/command-line-tasks.js');

export interface CommandSetup {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: string;
}

/** The command line, as built, in a process of its own. */
export class Command {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = '';
  stderr = '';
  readonly #closed: Promise<unknown>;

  constructor(args: readonly string[], { cwd, env = {}, program = main }: CommandSetup = {}) {
    this.child = spawn(process.execPath, [program, ...args], {
      ...(cwd === undefined ? undefined : { cwd }),
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
    });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.child.stdin.on('error', () => {}); // It may end before it has read everything.
    this.#closed = once(this.child, 'close');
    onTestFinished(() => void this.child.kill('SIGKILL'));
  }

  async ended(): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
    await this.#closed;
    return { exitCode: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  untilSaid(words: string): Promise<void> {
    return until(() => this.stderr.includes(words), `${words}; so far: ${this.stderr}`);
  }
}

/** Runs it with this input, to its end. */
export function commandWith(input: string, args: readonly string[], setup?: CommandSetup) {
  const command = new Command(args, setup);
  command.child.stdin.end(input);
  return command.ended();
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leasepool-command-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
