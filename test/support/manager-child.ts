import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ChildResult {
  /** `null` when it had to be killed because it did not exit. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const deadlineMs = 20_000;

/** Runs Node until it exits by itself. */
export function runNode(args: readonly string[]): Promise<ChildResult> {
  return new Promise((resolve) => {
    const options = { cwd: root, timeout: deadlineMs, killSignal: 'SIGKILL' } as const;
    const child = execFile(process.execPath, args, options, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

/** Runs one scenario of a program in test/tasks. */
export function runProgram(file: string, ...args: readonly string[]): Promise<ChildResult> {
  return runNode([fileURLToPath(new URL(`../tasks/${file}`, import.meta.url)), ...args]);
}
