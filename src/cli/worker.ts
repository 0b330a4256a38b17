/** `leasepool worker`: what `leasepool/bullmq` has under that name. */

interface Fleet {
  runWorkerCommand(args: readonly string[]): Promise<number>;
}

/** By URL, when it is asked for: its libraries are optional. */
const fleet = new URL('../bullmq/index.js', import.meta.url).href;

/** @returns the exit code */
export async function worker(args: readonly string[]): Promise<number> {
  const { runWorkerCommand } = (await import(fleet).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('leasepool worker needs two packages: npm install bullmq ioredis', { cause: error });
  })) as Fleet;
  return runWorkerCommand(args);
}
