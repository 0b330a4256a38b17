import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runProgram } from '../support/manager-child.ts';
import { tasksUrl } from '../support/tasks-url.ts';

const program = fileURLToPath(tasksUrl('worker-ends-program.js'));
const backends = ['thread', 'process'] as const;

/** A program in a process group of its own. */
function inGroup(args: readonly string[], { flags = [], env = {} }: Settings = {}) {
  const child = spawn(process.execPath, [...flags, program, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // The whole group has ended.
    }
  });
  return child;
}

interface Settings {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leasepool-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { functionName: string; ranges: readonly { count: number }[] }[];
  }[];
}

describe('a worker that is no longer needed', () => {
  const ends = ['stops', 'stops at once', 'closes a pool'];
  const cases = backends.flatMap((backend) => ends.map((end) => [backend, end] as const));

  test.each(cases)(
    'W3 M9 ends by itself, and says what its modules have to say: %s, when the program %s',
    async (backend, end) => {
      const { exitCode, stdout, stderr } = await runProgram('worker-ends-program.js', backend, end);
      const last = end === 'closes a pool' ? 'closed' : 'stopped';
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout.split('\n').toSorted()).toEqual(['', last, 'left', 'printed'].toSorted());
    },
  );

  test.each(backends)('W3 has its coverage written: %s', async (backend) => {
    const folder = newFolder();
    const child = inGroup([backend, 'is measured'], { env: { NODE_V8_COVERAGE: folder } });
    const [printed] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
    expect(printed).toContain('"result":42');
    const scripts = readdirSync(folder).flatMap(
      (file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as Coverage).result,
    );
    const counts = scripts
      .filter(({ url }) => url.endsWith('worker-ends-tasks.js'))
      .flatMap(({ functions }) => functions)
      .filter(({ functionName }) => functionName === 'twice')
      .map(({ ranges }) => ranges[0].count);
    expect(counts.filter((count) => count > 0)).toEqual([1]);
  });

  test.each(backends)('W3 has its profile written: %s', async (backend) => {
    const folder = newFolder();
    const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-name=main.cpuprofile'];
    const inherited = backend === 'process' ? flags : flags.slice(0, 2); // A thread has the name, too.
    const child = inGroup([backend, 'is measured'], { flags: inherited });
    const [printed] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
    const { worker, program: pid } = JSON.parse(printed) as { worker: number[]; program: number };
    const profiles = readdirSync(folder).map((file) => file.split('.').slice(3, 5).map(Number));
    expect(profiles).toContainEqual(worker);
    if (backend === 'thread') expect(profiles).toContainEqual([pid, 0]);
    else expect(readdirSync(folder)).toContain('main.cpuprofile');
  });
});

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s to a program and its child processes',
  (signal) => {
    const told = async (scenario: string): Promise<string[]> => {
      const child = inGroup(['process', scenario, signal]);
      let printed = '';
      child.stdout!.on('data', (chunk: Buffer) => {
        if (printed === '' && String(chunk).includes('running')) process.kill(-child.pid!, signal);
        printed += String(chunk);
      });
      expect(await once(child, 'close')).toEqual([0, null]);
      return printed.split('\n').slice(0, -1);
    };

    test('W6 is for the program to decide about: the job that runs finishes', async () => {
      expect(await told('is told while a job runs')).toEqual(['running', 'told', 'done', 'stopped']);
    });

    test('W6 is told to what a job has put there to hear it, and ends nothing', async () => {
      const lines = await told('is told while a job runs that listens');
      expect(lines.toSorted()).toEqual(
        ['8', 'done', `heard ${signal}`, 'running', 'stopped', 'told'].toSorted(),
      );
    });

    test('W6 ends nothing after a job has taken all listeners away', async () => {
      const lines = await told('is told after a job took listeners away');
      expect(lines).toEqual(['running', 'told', 'done', 'stopped']);
    });

    test('W6 loses no job while the children come up', async () => {
      const lines = await told('is told while its workers come up');
      expect(lines).toEqual(['running', 'told', '8', '10', 'stopped']);
    });
  },
);
