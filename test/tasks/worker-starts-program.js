// A program: `node worker-starts-program.js <backend> <scenario> [argument]`. Prints JSON.
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { LeasedExecutorManager } from 'leasepool';

const [, , backend, scenario, argument] = process.argv;
const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };

const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

function children() {
  return readdirSync('/proc/self/task').flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  );
}

/** The code of the error with which workers did not start, and what is left of them. */
async function startInVain(options = {}) {
  mkdirSync(tmpdir(), { recursive: true });
  const before = readdirSync('/proc/self/fd').length;
  const manager = new LeasedExecutorManager({ backend, workersPerPool: 1, logger, ...options });
  const error = await manager.start().catch((reason) => reason);
  await manager.stop({ timeoutSeconds: 0 });
  return {
    code: error?.code,
    cause: error?.cause?.code,
    children: children().length,
    descriptors: readdirSync('/proc/self/fd').length - before,
    files: readdirSync(tmpdir()).length,
  };
}

const stray = async () => {
  void Promise.reject(new Error('stray'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  return 'fine';
};

const looks = () => {
  const { argv, env, execArgv } = globalThis.process;
  return { arguments: argv.slice(2), hit: env.HIT, path: env.PATH !== undefined, execArgv };
};

async function resultOf(job, options = {}) {
  const manager = new LeasedExecutorManager({ backend, workersPerPool: 1, logger, ...options });
  await manager.start();
  const result = await manager
    .withLease((lease) => lease.run(job, [], { signal: new AbortController().signal }))
    .catch(({ code, cause }) => [code, cause?.message]);
  await manager.stop();
  return result;
}

const scenarios = {
  'starts in vain': () => startInVain(),
  async 'has no descriptors left'() {
    process.stdout.write(''); // It needs one.
    openSync('/dev/null', 'r');
    const taken = [];
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      for (let free = 0; free < Number(argument); free++) closeSync(taken.pop());
    }
    const manager = new LeasedExecutorManager({ backend, workersPerPool: 1, logger });
    const error = await manager.start().catch((reason) => reason);
    await manager.stop({ timeoutSeconds: 0 });
    for (const descriptor of taken) closeSync(descriptor);
    return { code: error?.code, children: children().length, files: readdirSync(tmpdir()).length };
  },
  async 'cannot find Node'() {
    process.execPath = '/nowhere/node';
    return startInVain();
  },
  'has an environment that is too large': () =>
    startInVain({ workerOptions: { env: { LARGE: 'x'.repeat(4_000_000) } } }),
  'has a flag that is none': () => startInVain({ workerOptions: { execArgv: ['--no-such-flag'] } }),
  'rejects and nobody hears of it': () => resultOf(stray),
  'has flags for workers': () => resultOf(stray, { workerOptions: { execArgv: [argument] } }),
  async 'has something on Object.prototype'() {
    for (const [key, value] of Object.entries(JSON.parse(argument)))
      Object.defineProperty(Object.prototype, key, { value, enumerable: true, writable: true });
    return [await resultOf(looks), await resultOf(looks, { workerOptions: { resourceLimits: {} } })];
  },
};

print(await scenarios[scenario]());
