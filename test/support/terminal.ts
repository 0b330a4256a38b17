import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

/** Why nothing can be run on a terminal; on a build server that fails the tests. */
export let noTerminal: string | undefined;
try {
  // The options of util-linux, which every Debian has; others have other ones.
  execFileSync('script', ['-qec', 'stty cols 40 && true', '/dev/null'], { stdio: 'ignore' });
} catch (error) {
  if (process.env['CI'] === 'true') throw error;
  noTerminal = `no terminal: ${error instanceof Error ? error.message : String(error)}`;
  console.warn(`What is shown on terminals is NOT tested: ${noTerminal}. Install util-linux.`);
}

export interface TerminalSetup {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program in a terminal of its own, made by `script`. */
export class Terminal {
  readonly #script: ChildProcess;
  readonly #closed: Promise<unknown>;
  /** Everything that appears there. */
  seen = '';

  /** @param command for the shell */
  constructor(command: string, { columns = 80, env = {} }: TerminalSetup = {}) {
    const whole = `stty cols ${columns} rows 24 -echo; tty; ${command}`;
    this.#script = spawn('script', ['-qec', whole, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SHELL: '/bin/sh', NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
    });
    this.#script.stdout!.setEncoding('utf8').on('data', (text: string) => (this.seen += text));
    this.#closed = once(this.#script, 'close');
    onTestFinished(() => void this.#script.kill('SIGKILL'));
  }

  type(keys: string): void {
    this.#script.stdin!.write(keys);
  }

  resize(columns: number): void {
    const [, path] = /^(\/dev\/\S+)/m.exec(this.seen)!;
    execFileSync('stty', ['-F', path, 'cols', String(columns)]);
  }

  untilSeen(words: string | RegExp): Promise<void> {
    const isThere = (): boolean =>
      typeof words === 'string' ? this.seen.includes(words) : words.test(this.seen);
    return until(isThere, `${words}; so far: ${JSON.stringify(this.seen)}`);
  }

  /** @returns what appeared there, without the name of the terminal */
  async ended(): Promise<{ exitCode: number | null; seen: string }> {
    await this.#closed;
    return { exitCode: this.#script.exitCode, seen: this.seen.replace(/^\/dev\/\S+\r\n/, '') };
  }
}
