import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { tasksUrl } from '../support/tasks-url.ts';

interface End {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A program of its own: what becomes of it must not become of the tests. */
function runProgram(backend: string, kind: string): Promise<End> {
  const path = fileURLToPath(tasksUrl('memory-program.js'));
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path, backend, kind], (_error, stdout, stderr) =>
      resolve({ stdout, stderr, exitCode: child.exitCode, signal: child.signalCode }),
    );
  });
}

describe.skipIf(process.platform === 'win32')('N2 a job that uses up the memory it is limited to', () => {
  test.each(['objects', 'array', 'strings', 'map'])(
    'fails alone with processes, whatever it fills it with: %s',
    async (kind) => {
      const { stdout, exitCode } = await runProgram('process', kind);
      expect(JSON.parse(stdout)).toEqual({
        code: 'ERR_LEASEPOOL_WORKER_CRASHED',
        phase: 'running',
        signal: 'SIGABRT',
        next: 2,
      });
      expect(exitCode).toBe(0);
    },
    90_000,
  );

  // Whether Node gets to end the thread depends on its version, and on what asks for the last of the memory.
  test.each(['objects', 'array', 'strings', 'map'])(
    'fails alone with threads, unless Node ends the program, saying why; a time limit ends it at the latest: %s',
    async (kind) => {
      const { stdout, stderr, exitCode, signal } = await runProgram('thread', kind);
      if (exitCode !== 0) {
        expect([exitCode, signal]).toEqual([null, 'SIGABRT']);
        expect(stderr).toContain('JavaScript heap out of memory');
        return;
      }
      const { next, ...failure } = JSON.parse(stdout) as { code: string; next: number };
      expect(next).toBe(2);
      if (failure.code === 'ERR_LEASEPOOL_TIMEOUT') expect(failure).toMatchObject({ phase: 'run' });
      else
        expect(failure).toEqual({
          code: 'ERR_LEASEPOOL_WORKER_CRASHED',
          phase: 'running',
          cause: 'ERR_WORKER_OUT_OF_MEMORY',
        });
    },
    90_000,
  );
});
