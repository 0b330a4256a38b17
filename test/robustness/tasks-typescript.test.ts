import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const programs = fileURLToPath(new URL('../programs/typescript/', import.meta.url));
const tsx = fileURLToPath(new URL('./cli.mjs', import.meta.resolve('tsx')));

const runsTypeScript = 'typescript' in process.features && process.features.typescript !== false;

/** A suite that this version of Node cannot run says why. */
function describeIf(possible: boolean, reason: string, name: string, body: () => void): void {
  if (possible) {
    describe(name, body);
    return;
  }
  const reasonHere = `not run, because Node ${process.version} ${reason}`;
  console.log(`${name}: ${reasonHere}`);
  describe(name, () => test.skip(reasonHere));
}

/** Where a file says it: the line number is that of the source. */
function lineIn(file: string, text: string): string {
  const index = readFileSync(join(programs, file), 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text));
  expect(index).toBeGreaterThanOrEqual(0);
  return `${file}:${index + 1}`;
}

async function output(args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, args, { cwd: programs, timeout: 20_000 });
  return JSON.parse(stdout);
}

const backends = ['thread', 'process'];

function runsTasks(args: readonly string[]): void {
  test.each(backends)(
    'T2 its tasks in TypeScript run, and fail at their true lines, backend %s',
    async (backend) => {
      expect(await output([...args, join(programs, 'main.ts'), backend])).toEqual({
        defined: 49,
        state: [1, 2, 1],
        async: 'later',
        imported: 64,
        exported: 'a kite with 4 corners',
        asDefault: 'hello you',
        data: 'given',
        common: 27,
        inline: '5 m',
        failedAt: lineIn('tasks.ts', 'throw new RangeError'),
        importFailedAt: lineIn('tasks.ts', 'throw new RangeError'),
        commonFailedAt: lineIn('tasks.cts', 'throw new RangeError'),
      });
    },
  );
}

describeIf(runsTypeScript, 'does not run TypeScript', 'a program in TypeScript, run by Node', () =>
  runsTasks([]),
);
describe('a program in TypeScript, run by node --import tsx', () => runsTasks(['--import', 'tsx']));
describe('a program in TypeScript, run by the command tsx', () => runsTasks([tsx]));

const folder = mkdtempSync(join(tmpdir(), 'leasepool-typescript-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** In TypeScript that is more than types, which only a compiler can turn into JavaScript. */
const withEnum = join(folder, 'enum.ts');
writeFileSync(
  withEnum,
  'enum Power { Square = 2 }\nexport const square = (n: number) => n ** Power.Square;\n',
);

const failure = (message: RegExp, cause: string): unknown => [
  { code: 'ERR_LEASEPOOL_TASK_MODULE', message: expect.stringMatching(message), cause },
  'goes on',
];

describeIf(!runsTypeScript, 'runs TypeScript', 'a program where Node does not run TypeScript', () => {
  test.each(backends)('T5 a task in TypeScript fails and says what to do, backend %s', async (backend) => {
    const module = pathToFileURL(join(programs, 'tasks.ts')).href;
    expect(await output([join(programs, 'from-javascript.js'), backend, module])).toEqual(
      failure(
        /tasks\.ts of task 'square': .*does not run TypeScript.*--import tsx/,
        'ERR_UNKNOWN_FILE_EXTENSION',
      ),
    );
  });
});

describeIf(runsTypeScript, 'does not run TypeScript', 'a program where Node runs TypeScript', () => {
  test.each(backends)('T2 has its tasks run in TypeScript, backend %s', async (backend) => {
    const module = pathToFileURL(join(programs, 'tasks.ts')).href;
    expect(await output([join(programs, 'from-javascript.js'), backend, module])).toEqual([49, 'goes on']);
  });

  test.each(backends)(
    'T5 a task that needs a compiler fails and says what to do, backend %s',
    async (backend) => {
      expect(
        await output([join(programs, 'from-javascript.js'), backend, pathToFileURL(withEnum).href]),
      ).toEqual(failure(/enum\.ts of task 'square': .*--import tsx/s, 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'));
    },
  );
});

describe('a program in JavaScript', () => {
  const program = [join(programs, 'from-javascript.js')];
  const module = pathToFileURL(withEnum).href;

  test.each(backends)(
    'T2 runs tasks that need a compiler when it runs under tsx, backend %s',
    async (backend) => {
      expect(await output(['--import', 'tsx', ...program, backend, module])).toEqual([49, 'goes on']);
    },
  );

  test.each(backends)('T2 runs them when only its workers run under tsx, backend %s', async (backend) => {
    const workerOptions = JSON.stringify({ execArgv: ['--import=tsx'] });
    expect(await output([...program, backend, module, workerOptions])).toEqual([49, 'goes on']);
  });
});
