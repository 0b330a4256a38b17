import { spawnSync } from 'node:child_process';
import { SHARE_ENV } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { settingsForProcess, settingsForThread } from '../../../src/executor/inherited-flags.ts';

describe('what a child process inherits', () => {
  const inherited = (...flags: string[]): string[] => settingsForProcess(undefined, flags, {}).execArgv;

  test.each([
    [['--eval=run()']],
    [['--eval', 'run()']],
    [['-e', 'run()']],
    [['-e', '']],
    [['-p', '1 + 1']],
    [['-pe', '1 + 1']],
    [['--print=1 + 1']],
    [['--input-type=module', '--eval=run()']],
    [['--input_type', 'module', '-e', 'run()']],
    [['--test', '--test-name-pattern', 'a name', '--test-reporter=spec', '--experimental-test-coverage']],
    [['--watch', '--watch-path=src', '--no-watch-preserve-output']],
    [['--check']],
    [['-c']],
    [['--interactive']],
    [['-i']],
    [['--run', 'start']],
    [['--build-snapshot', '--snapshot-blob', 'app.blob']],
    [['--prof-process', '--']],
    [['--expose-internals']],
    [['--inspect-brk=9229', '--inspect-port', '0', '--inspect-publish-uid=http']],
    [['--env-file=.env', '--env-file-if-exists', '.env.local']],
    [['--title', 'main', '--cpu-prof-name=main.cpuprofile', '--trace-sigint', '--process-timeout=30s']],
  ])('N2 nothing of %j', (flags) => {
    expect(inherited(...flags)).toEqual([]);
    expect(inherited('--no-warnings', ...flags, '--conditions', 'development')).toEqual([
      '--no-warnings',
      '--conditions',
      'development',
    ]);
  });

  test.each([
    [['--max-old-space-size=300', '--stack_size=2000', '--expose-gc', '--allow-natives-syntax']],
    [
      [
        '--import',
        './register.js',
        '-r',
        './setup.cjs',
        '--experimental-loader=./loader.js',
        '-C',
        'development',
      ],
    ],
    [['--experimental-default-type', 'module', '--experimental-default-type=module']],
    [['--unhandled-rejections', 'warn', '--no-deprecation', '--enable-source-maps']],
    [['--permission', '--allow-fs-read=*', '--frozen-intrinsics', '--disable-proto=throw']],
    [['--cpu-prof', '--cpu-prof-dir', 'profiles', '--prof', '--report-on-fatalerror']],
  ])('N2 all of %j', (flags) => {
    expect(inherited(...flags)).toEqual(flags);
  });

  test('N2 of all flags of this Node that have it run something else, none', () => {
    const { stdout } = spawnSync(process.execPath, ['--help'], { encoding: 'utf8' });
    const flags = [...stdout.matchAll(/^ {2}(-.+?)(?: {2}|$)/gm)].flatMap(([, names]) =>
      names.split(', ').map((name) => name.split(/[=[ ]/)[0]),
    );
    expect(flags).toContain('--eval');
    const notForEverybody = flags.filter((flag) => {
      const isInherited = inherited(flag).length > 0;
      return isInherited && !process.allowedNodeEnvironmentFlags.has(flag);
    });
    // What is left is about the runtime, although NODE_OPTIONS cannot have it (in each version).
    const aboutTheRuntime =
      /^--(?:no-)?(?:cpu-prof(?:-.+)?|prof|harmony-.+|security-revert|(?:experimental-)?(?:default-)?config-file|experimental-.+-(?:inspection|resource)|vfs-load|experimental-(?:test|bench)-.+)$/;
    expect(notForEverybody.filter((flag) => !aboutTheRuntime.test(flag))).toEqual([]);
  });

  test('N2 the environment, with NODE_OPTIONS as it is', () => {
    const env = { NODE_OPTIONS: '--import "./a folder/x.js"  --no-warnings', PATH: '/bin' };
    expect({ ...settingsForProcess(undefined, [], env).env }).toEqual(env);
  });

  test.each([
    ['--input-type=module', ''],
    [
      '--no-warnings --inspect-brk=0 --import "./a \\"folder/x.js" --watch-path ./src',
      '--no-warnings --import "./a \\"folder/x.js"',
    ],
    ['"--input-type=module" --no-warnings', '--no-warnings'],
  ])('N2 NODE_OPTIONS %j without what would keep it from its work', (given, kept) => {
    expect(settingsForProcess(undefined, [], { NODE_OPTIONS: given }).env['NODE_OPTIONS']).toBe(kept);
  });

  test('N2 what is given for workers is theirs, except what would have them run something else', () => {
    const given = {
      execArgv: ['--inspect=0', '--eval=run()', '--title', 'mine'],
      env: { NODE_OPTIONS: '--input-type=module --inspect=0' },
    };
    const { execArgv, env } = settingsForProcess(given, ['--no-warnings'], {
      NODE_OPTIONS: '',
      PATH: '/bin',
    });
    expect(execArgv).toEqual(['--inspect=0', '--title', 'mine']);
    expect({ ...env }).toEqual({ NODE_OPTIONS: '--inspect=0' });
  });
});

describe('what a thread inherits', () => {
  test('N2 is left to Node', () => {
    for (const flags of [[], ['--eval=run()'], ['--test', '--max-old-space-size=300']])
      expect(settingsForThread(undefined, flags, { NODE_OPTIONS: '--no-warnings' })).toEqual({});
  });

  test.each([
    ['--input-type=module', ''],
    ['--inspect-brk=0', ''],
    ['--no-warnings', '--input-type=module'],
  ])('N2 with %j and NODE_OPTIONS %j is what a thread may have', (flag, options) => {
    const flags = [
      flag,
      '--max-old-space-size=300',
      '--unhandled-rejections',
      'warn',
      '--import=./x.js',
      '--eval=run()',
    ];
    const { execArgv, env } = settingsForThread(undefined, flags, { NODE_OPTIONS: options })!;
    expect(execArgv!.slice(flag === '--no-warnings' ? 1 : 0)).toEqual([
      '--unhandled-rejections',
      'warn',
      '--import=./x.js',
    ]);
    expect((env as NodeJS.ProcessEnv | undefined)?.['NODE_OPTIONS']).toBe(options === '' ? undefined : '');
  });

  test('N2 is replaced by what is given for workers', () => {
    const execArgv = ['--no-warnings', '--input-type=module'];
    const env = { NODE_OPTIONS: '--input-type=module' };
    const settings = settingsForThread({ execArgv, env: SHARE_ENV }, ['--input-type=module'], env);
    expect(settings).toEqual({ execArgv: ['--no-warnings'] });
  });
});
