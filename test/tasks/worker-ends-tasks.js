// Tasks for what workers do at their end, and about signals.
import { writeSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { defineTasks } from 'leasepool';

const stdout = 1;

export const tasks = defineTasks(import.meta.url, {
  /** Its calls are counted by a coverage. */
  twice(number) {
    return number * 2;
  },
  whoAmI() {
    return [process.pid, threadId];
  },
  sayAtExit() {
    process.on('exit', () => {
      console.log('printed');
      writeSync(stdout, 'left\n');
    });
  },
  /** Of a library that wants to clean up. */
  hear(signal) {
    process.once(signal, () => writeSync(stdout, `heard ${signal}\n`));
  },
  forgetListeners(signal) {
    process.removeAllListeners(signal);
  },
  runFor(milliseconds) {
    writeSync(stdout, 'running\n');
    const end = Date.now() + milliseconds;
    while (Date.now() < end);
    return 'done';
  },
});
