import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { noRedis, RedisServer } from '../support/redis-server.ts';

const run = promisify(execFile);
const withoutIndent = (code: string): string => code.replace(/^ +/gm, '').trim();

describe.skipIf(noRedis !== undefined)('the example of a fleet', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  test('two hosts do the work of the main program, and end when they are told to', async () => {
    const env = { ...process.env, REDIS_URL: redis.url };
    const start = async (): Promise<ChildProcess> => {
      const host = spawn(process.execPath, ['build/examples/13-fleet/host.js'], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void host.kill('SIGKILL'));
      const [printed] = (await once(host.stdout, 'data')) as [Buffer];
      expect(String(printed)).toBe(`Host ${host.pid} takes chunks.\n`);
      return host;
    };
    const hosts = await Promise.all([start(), start()]);
    const { stdout } = await run(process.execPath, ['build/examples/13-fleet/main.js'], {
      env,
      timeout: 60_000,
    });
    expect(stdout).toBe('Keys: 2000\nHosts: 2\n');
    for (const host of hosts) {
      host.kill('SIGTERM');
      expect(await once(host, 'exit')).toEqual([0, null]);
    }
  });
});

test('the code in docs/more-than-one-machine.md is that of the example', () => {
  const files = ['host', 'main', 'tasks'].map((name) => readFileSync(`examples/13-fleet/${name}.ts`, 'utf8'));
  const page = readFileSync('docs/more-than-one-machine.md', 'utf8');
  const blocks = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)];
  expect(blocks.length).toBeGreaterThan(1);
  for (const [, code] of blocks)
    expect(
      files.some((file) => withoutIndent(file).includes(withoutIndent(code))),
      code,
    ).toBe(true);
});
