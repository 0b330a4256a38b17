import { exitCode } from './exit-code.ts';

/** `leasepool worker`: what `leasepool/bullmq` has under that name. */

interface Fleet {
  runWorkerCommand(args: readonly string[]): Promise<number>;
}

/** By URL, when it is asked for: its libraries are optional. */
const fleet = new URL('../bullmq/index.js', import.meta.url).href;

/** What it takes, which needs none of them. */
async function workerHelp(): Promise<string> {
  const usage = new URL('../bullmq/worker-usage.js', import.meta.url).href;
  return ((await import(usage)) as { readonly workerUsage: string }).workerUsage;
}

/** @returns the exit code */
export async function worker(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(await workerHelp());
    return exitCode.ok;
  }
  const { runWorkerCommand } = (await import(fleet).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('leasepool worker needs two packages: npm install bullmq ioredis', { cause: error });
  })) as Fleet;
  return runWorkerCommand(args);
}
