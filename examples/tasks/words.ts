import { defineTasks, workerData } from 'leasepool';

// Once in each worker, when it loads this module. The main thread has no worker's data.
const { ignored } = (workerData() as { ignored: string[] } | undefined) ?? { ignored: [] };
const isIgnored = new Set(ignored);

export const { countWords } = defineTasks(import.meta.url, {
  countWords: (text: string): number => text.split(' ').filter((word) => !isIgnored.has(word)).length,
});
