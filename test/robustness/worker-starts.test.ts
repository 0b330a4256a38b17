import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runNode } from '../support/manager-child.ts';
import { tasksUrl } from '../support/tasks-url.ts';

const program = fileURLToPath(tasksUrl('worker-starts-program.js'));
const backends = ['thread', 'process'] as const;

/** Runs the program to its end. @param limit of the shell, for it and its children */
async function run(args: readonly string[], { flags = [], env = {}, limit = 'true' }: Settings = {}) {
  const { stdout } = await new Promise<{ stdout: string }>((done) => {
    const command = [process.execPath, ...flags, program, ...args].map((word) => `'${word}'`).join(' ');
    const options = { env: { ...process.env, ...env }, timeout: 20_000, killSignal: 'SIGKILL' } as const;
    execFile('sh', ['-c', `${limit}; exec ${command}`], options, (_error, stdout) => done({ stdout }));
  });
  return stdout === '' ? 'nothing' : (JSON.parse(stdout) as unknown);
}

interface Settings {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly limit?: string;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leasepool-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('workers that cannot start leave nothing behind, and the program ends', () => {
  const nothing = { code: 'ERR_LEASEPOOL_BROKEN_EXECUTOR', children: 0, files: 0 };

  test.each([
    ['there is room for a part of the progress file', 'starts in vain', 'ulimit -f 8', 'EFBIG'],
    ['there is no room at all', 'starts in vain', 'ulimit -f 0', 'EFBIG'],
    ['Node is not where it was', 'cannot find Node', 'true', 'ENOENT'],
    ['their environment is too large', 'has an environment that is too large', 'true', 'E2BIG'],
    ['Node does not know a flag', 'has a flag that is none', 'true', undefined],
  ])('N5 M6 %s', async (_, scenario, limit, cause) => {
    const seen = await run(['process', scenario], { env: { TMPDIR: newFolder() }, limit });
    // The first child that is started at all has Node open descriptors for itself.
    expect(seen).toEqual({
      ...nothing,
      ...(cause && { cause }),
      descriptors: expect.toSatisfy((n) => n <= 2),
    });
  });

  const free = [0, 1, 2, 3, 4];
  test.each(backends.flatMap((backend) => free.map((count) => [backend, count] as const)))(
    'N5 M6 without descriptors: %s, with %i that are free',
    async (backend, count) => {
      const env = { TMPDIR: newFolder() };
      const args = [backend, 'has no descriptors left', String(count)];
      expect(await run(args, { env, limit: 'ulimit -n 80' })).toEqual(nothing);
    },
  );
});

describe('what workers inherit', () => {
  const code = `
    const { LeasedExecutorManager } = require('leasepool');
    console.log('the program runs');
    const manager = new LeasedExecutorManager({ backend: 'BACKEND', workersPerPool: 1, startTimeoutSeconds: 5 });
    manager.start()
      .then(() => manager.withLease((lease) => lease.run((a, b) => a + b, [1, 2])))
      .then((sum) => console.log(sum), ({ message }) => console.log(message))
      .finally(() => manager.stop());
  `;
  const once = /^the program runs\n3\n$/;

  test.each(
    backends.flatMap((backend) =>
      [
        ['--eval=CODE'],
        ['--eval', 'CODE'],
        ['-e', 'CODE'],
        ['--print', 'CODE'],
        ['-pe', 'CODE'],
        ['--no-warnings', '-p', 'CODE', '--title', 'program'],
        ['--input-type=commonjs', '--eval=CODE'],
        ['--input-type', 'commonjs', '-e', 'CODE', '--inspect-port=0'],
        ['--test-only', '--test-name-pattern', 'none', '--expose-internals', '-e', 'CODE'],
      ].map((flags) => [backend, flags] as const),
    ),
  )('N2 N8 is no program to run: %s, %j', async (backend, flags) => {
    const isPrinting = flags.some((flag) => /^(?:--print|-p)/.test(flag));
    const own = code.replace('BACKEND', backend).replaceAll('\n', ' ');
    const { stdout } = await runNode(flags.map((flag) => flag.replace('CODE', own)));
    // What the code comes to is a promise.
    expect(isPrinting ? stdout.replace(/Promise \{[^}]*\}\n|undefined\n/g, '') : stdout).toMatch(once);
  });

  /** What a program says that has a module with a manager among its flags, and how often that module was loaded. */
  async function runWithModule(backend: string, how: string, flag: string) {
    const LOG = join(newFolder(), 'log');
    const file = fileURLToPath(tasksUrl(`flags-start-manager.${flag === '--require' ? 'cjs' : 'mjs'}`));
    const isInEnvironment = flag === 'NODE_OPTIONS';
    const env = { ...process.env, LOG, BACKEND: backend, HOW: how };
    if (isInEnvironment) Object.assign(env, { NODE_OPTIONS: `--import=${pathToFileURL(file).href}` });
    const flags = isInEnvironment ? [] : [flag, file];
    const said = await new Promise<string>((done) => {
      const args = [...flags, '-e', '0'];
      execFile(process.execPath, args, { env, timeout: 20_000 }, (_, ...outputs) => done(outputs.join('')));
    });
    return { said, loads: readFileSync(LOG, 'utf8').split('loaded').length - 1 };
  }
  const ways = backends.flatMap((backend) =>
    ['--import', '--require', 'NODE_OPTIONS'].map((flag) => [backend, flag] as const),
  );

  test.each(ways)(
    'N8 a module that starts a manager works, if it catches its error: %s, %s',
    async (...way) => {
      const [backend, flag] = way;
      const { said, loads } = await runWithModule(backend, 'catches its error', flag);
      expect(said).toMatch(/^worked$/m);
      expect(loads).toBeLessThanOrEqual(3);
      // Nobody waits for what is imported by `require()`: the program may have ended before.
      const told = said.match(/ERR_LEASEPOOL_IMPORT_REENTRY a worker runs what --import/g)?.length;
      if (flag !== '--require') expect([loads, told]).toEqual([3, 2]);
    },
  );

  test.each(ways)('N8 one that does not ends workers, and not the machine: %s, %s', async (backend, flag) => {
    for (const how of ['awaits it', 'does not wait for it']) {
      const { said, loads } = await runWithModule(backend, how, flag);
      if (flag !== '--require') expect(said, how).toContain('ImportReentryError');
      expect(loads, how).toBeLessThanOrEqual(1 + 2 * 5);
    }
  });

  test.each(backends)('N8 nor does one that starts it later, in a worker that is up: %s', async (backend) => {
    const { loads } = await runWithModule(backend, 'starts it later', '--import');
    expect(loads).toBe(3);
  });

  test.each(backends)(
    'N2 NODE_OPTIONS for a program that has no file do not keep them from theirs: %s',
    async (backend) => {
      const own = code.replace('BACKEND', backend).replaceAll('\n', ' ');
      const env = { ...process.env, NODE_OPTIONS: '--input-type=commonjs --no-warnings' };
      const stdout = await new Promise((done) => {
        execFile(process.execPath, ['-e', own], { env, cwd: resolve('.'), timeout: 20_000 }, (_, text) =>
          done(text),
        );
      });
      expect(stdout).toMatch(once);
    },
  );

  const fine = ['warn', 'none', 'warn-with-error-code'];
  const survives = (mode: string): unknown =>
    fine.includes(mode) ? 'fine' : ['ERR_LEASEPOOL_WORKER_CRASHED', 'stray'];

  test.each(
    backends.flatMap((backend) => [...fine, 'strict', 'throw'].map((mode) => [backend, mode] as const)),
  )('N2 an unhandled rejection is what the program says it is: %s, %s', async (backend, mode) => {
    const flags = [`--unhandled-rejections=${mode}`];
    expect(await run([backend, 'rejects and nobody hears of it'], { flags })).toEqual(survives(mode));
  });

  test.each(backends)('N2 also when NODE_OPTIONS say so, or the flags for workers: %s', async (backend) => {
    const flag = '--unhandled-rejections=warn';
    const env = { NODE_OPTIONS: flag };
    expect(await run([backend, 'rejects and nobody hears of it'], { env })).toBe('fine');
    expect(await run([backend, 'has flags for workers', flag])).toBe('fine');
    expect(await run([backend, 'rejects and nobody hears of it'])).toEqual(survives('throw'));
  });

  const onPrototype = {
    env: { HIT: 'yes' },
    execArgv: ['--no-such-flag'],
    argv: ['hit'],
    eval: true,
    stdin: true,
    stdout: true,
    stderr: true,
    trackUnmanagedFds: true,
    resourceLimits: { maxOldGenerationSizeMb: 1 },
    maxOldGenerationSizeMb: 1,
    stackSizeMb: 0.1,
    codeRangeSizeMb: 1,
    cwd: '/nowhere',
    detached: true,
    shell: '/nowhere/sh',
    uid: 99_999_999,
    execPath: '/nowhere/node',
    stdio: 'ignore',
    silent: true,
    serialization: 'json',
    timeout: 1,
    argv0: 'hit',
    HIT: 'yes',
    NODE_OPTIONS: '--no-such-flag',
    end: true,
    values: [],
    dying: {},
  };

  test.each(backends)('S39 is nothing from Object.prototype: %s', async (backend) => {
    const seen = await run([backend, 'has something on Object.prototype', JSON.stringify(onPrototype)]);
    const clean = { arguments: [], path: true, execArgv: [] };
    expect(seen).toEqual([clean, clean]);
  });
});
