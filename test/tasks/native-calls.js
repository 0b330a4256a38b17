import { readFileSync } from 'node:fs';
import { defineTasks } from 'leasepool';

export const { addOne, readPipe, readPipeAtExit } = defineTasks(import.meta.url, {
  addOne: (value) => value + 1,

  /** Blocks in a native call until somebody has written to the pipe and closed it. */
  readPipe: (path) => readFileSync(path, 'utf8'),

  /** Is ended by an error that nobody catches, and blocks on its way out. */
  readPipeAtExit: (path) => {
    process.on('exit', () => readFileSync(path));
    setTimeout(() => {
      throw new Error('nobody catches it');
    });
    return new Promise(() => {});
  },
});
