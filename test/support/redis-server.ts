import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { arch, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';

const cache = resolve('node_modules/.cache/redis');

interface Binary {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Longest wait for its first answer. */
const startMs = 20_000;

const quiet = { stdio: 'pipe', timeout: 120_000 } as const;

/** From the PATH, else from Debian's packages, unpacked without touching the system. @throws when there is neither */
function findBinary(): Binary {
  const installed: Binary = { path: 'redis-server', env: process.env };
  if (works(installed)) return installed;
  const unpacked = unpackedBinary(cache);
  if (!works(unpacked)) unpack();
  if (works(unpacked)) return unpacked;
  throw new Error(`redis-server of Debian is unpacked and does not start: see ${cache}`);
}

function unpackedBinary(folder: string): Binary {
  const names = { x64: 'x86_64', arm64: 'aarch64' } as Record<string, string>;
  const libraries = join(folder, 'usr/lib', `${names[arch()] ?? arch()}-linux-gnu`);
  return { path: join(folder, 'usr/bin/redis-server'), env: { ...process.env, LD_LIBRARY_PATH: libraries } };
}

function works({ path, env }: Binary): boolean {
  try {
    execFileSync(path, ['--version'], { ...quiet, env });
    return true;
  } catch {
    return false;
  }
}

/** The files of a suite run side by side: the first to come does it for all. */
function unpack(): void {
  mkdirSync(resolve(cache, '..'), { recursive: true });
  const script = fileURLToPath(new URL('unpack-redis.sh', import.meta.url));
  execFileSync('flock', [`${cache}.lock`, 'sh', script, cache], quiet);
}

let binary: Binary | undefined;
/** Why there is no Redis; on a build server that fails the tests. */
export let noRedis: string | undefined;
try {
  binary = findBinary();
} catch (error) {
  if (process.env['CI'] === 'true') throw error;
  noRedis = `no Redis: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
  console.warn(`The fleet is NOT tested: ${noRedis}. Install redis-server.`);
}

export type Persistence = 'none' | 'aof';

/** A Redis of the test's own, at a free port of the loopback interface. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'leasepool-redis-'));
  readonly #persistence: Persistence;
  readonly #bind: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, persistence: Persistence, bind: readonly string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#persistence = persistence;
    this.#bind = bind;
  }

  static async start({
    persistence = 'none',
    bind = [],
  }: { persistence?: Persistence; bind?: string[] } = {}) {
    for (let attemptsLeft = 5; ; attemptsLeft--) {
      const server = new RedisServer(await freePort(), persistence, ['127.0.0.1', ...bind]);
      try {
        await server.up();
        return server;
      } catch (error) {
        // Between its choice and now somebody else may have taken the port.
        await server.stop();
        if (attemptsLeft === 1) throw error;
      }
    }
  }

  /** Starts it, or starts it again. */
  async up(): Promise<void> {
    const aof = this.#persistence === 'aof' ? 'yes' : 'no';
    const options = {
      port: this.port,
      bind: this.#bind.join(' '),
      dir: this.#folder,
      save: '',
      appendonly: aof,
      appendfsync: 'everysec',
      'maxmemory-policy': 'noeviction',
      logfile: 'redis.log',
    };
    const args = Object.entries(options).flatMap(([key, value]) => [`--${key}`, ...String(value).split(' ')]);
    const started = spawn(binary!.path, args, { env: binary!.env, stdio: 'ignore' });
    await once(started, 'spawn');
    this.#process = started;
    await this.#answers(started);
  }

  /** Without a last word. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  }

  /** A client for the test's own questions. */
  client(): Redis {
    return new Redis(this.url, { maxRetriesPerRequest: null });
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Whoever else might answer at this port is another process. */
  async #answers(server: ChildProcess): Promise<void> {
    const client = new Redis(this.url, { lazyConnect: true, retryStrategy: () => 20 });
    client.on('error', () => {});
    try {
      const giveUpAt = performance.now() + startMs;
      for (;;) {
        if (server.exitCode !== null) throw new Error(`redis-server ended: ${this.#log()}`);
        const info = await client.info('server').catch(() => '');
        if (info.includes(`process_id:${server.pid}\r`)) return;
        if (performance.now() > giveUpAt) throw new Error(`redis-server does not answer: ${this.#log()}`);
      }
    } finally {
      client.disconnect();
    }
  }

  #log(): string {
    try {
      return readFileSync(join(this.#folder, 'redis.log'), 'utf8').slice(-500);
    } catch {
      return 'it wrote no log';
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
