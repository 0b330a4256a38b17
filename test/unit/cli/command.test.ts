import { describe, expect, test } from 'vitest';
import { readCommand } from '../../../src/cli/command.ts';

const defaults = {
  kind: 'run',
  task: './t.js#hash',
  backend: 'thread',
  workers: undefined,
  batch: 20,
  concurrency: undefined,
  timeoutSeconds: undefined,
  input: undefined,
  output: undefined,
  errors: undefined,
  isOrdered: true,
  isNumbered: false,
  isSpread: false,
  showsProgress: true,
};

describe('leasepool run', () => {
  test('needs a task and nothing else', () => {
    expect(readCommand(['run', './t.js#hash'])).toEqual(defaults);
  });

  test('takes all its options, long and short', () => {
    const given = {
      backend: 'process',
      workers: 4,
      batch: 50,
      concurrency: 9,
      timeoutSeconds: 0.5,
      input: 'in',
      output: 'out',
      errors: 'err',
      isOrdered: false,
      isNumbered: true,
    };
    const long =
      '--backend process --workers 4 --batch=50 --concurrency 9 --timeout 0.5 --input in --output out --errors err --unordered --numbered';
    const short = '--backend process -w 4 -b 50 -c 9 -t .5 -i in -o out -e err -un';
    for (const line of [long, short])
      expect(readCommand(['run', ...line.split(' '), './t.js#hash'])).toEqual({ ...defaults, ...given });
    expect(readCommand(['run', './t.js#hash', '--spread', '--no-progress'])).toEqual({
      ...defaults,
      isSpread: true,
      showsProgress: false,
    });
  });

  test('takes - for the standard streams', () => {
    expect(readCommand(['run', './t.js#hash', '-i', '-', '-o', '-'])).toEqual(defaults);
  });

  test.each([
    [[], 'which task'],
    [['a#b', 'c#d'], "'c#d'"],
    [['a#b', '--workers', '0'], '--workers is a whole number'],
    [['a#b', '--workers', '1.5'], "'1.5'"],
    [['a#b', '--batch', '1e3'], '--batch'],
    [['a#b', '--concurrency', ''], '--concurrency'],
    [['a#b', '--timeout', '0'], '--timeout is a number of seconds above 0'],
    [['a#b', '--timeout', 'Infinity'], '--timeout'],
    [['a#b', '--timeout', '1.2.3'], '--timeout'],
    [['a#b', '--backend', 'cloud'], "not 'cloud'"],
    [['a#b', '--input='], '--input needs a path'],
    [['a#b', '--bach', '3'], "unknown option '--bach'; did you mean --batch?"],
    [['a#b', '--max-threads=3'], "unknown option '--max-threads'; did you mean --workers?"],
    [['a#b', '--idle-timeout', '3'], 'that is "idleSeconds", an option of LeasedExecutorManager'],
    [['a#b', '--workers'], 'argument missing'],
    [['a#b', '--unordered=yes'], "'-u, --unordered'"],
  ])('refuses %j', (args, problem) => {
    expect(readCommand(['run', ...args])).toEqual({
      kind: 'misuse',
      about: 'run',
      problem: expect.stringContaining(problem),
    });
  });
});

test('leasepool doctor needs a task and may be given a backend', () => {
  expect(readCommand(['doctor', 'p#t'])).toEqual({ kind: 'doctor', task: 'p#t', backend: 'thread' });
  expect(readCommand(['doctor', '--backend', 'inline', 'p#t'])).toMatchObject({ backend: 'inline' });
  expect(readCommand(['doctor', 'p#t', '--batch', '3'])).toMatchObject({ kind: 'misuse', about: 'doctor' });
});

test.each([
  [[], { kind: 'help', about: undefined }],
  [['help'], { kind: 'help', about: undefined }],
  [['--help'], { kind: 'help', about: undefined }],
  [['help', 'run'], { kind: 'help', about: 'run' }],
  [['run', '--help'], { kind: 'help', about: 'run' }],
  [['doctor', '-h', 'x'], { kind: 'help', about: 'doctor' }],
  [['--version'], { kind: 'version' }],
  [['-v'], { kind: 'version' }],
  [['run', '--version'], { kind: 'version' }],
  [['rum'], { kind: 'misuse', about: undefined, problem: "there is no command 'rum'" }],
  [['--what'], { kind: 'misuse', about: undefined, problem: "unknown option '--what'" }],
])('leasepool %j is %j', (args, command) => {
  expect(readCommand(args)).toEqual(command);
});
