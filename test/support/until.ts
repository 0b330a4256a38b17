import { setImmediate, setTimeout } from 'node:timers/promises';

const deadlineMs = 20_000;

/** Resolves once the condition holds, and fails when it does not in time. */
export async function until(condition: () => boolean, what = String(condition)): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`still not true after ${deadlineMs / 1000} s: ${what}`);
    await setTimeout(1);
  }
}

/** Lets the event loop turn so often that whatever is due has happened, before a test says that nothing did. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}
