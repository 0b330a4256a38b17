import { defineTasks } from 'leasepool';

/** Work of a given length. */
export const { spin } = defineTasks(import.meta.url, {
  spin(ms: number): number {
    const until = performance.now() + ms;
    while (performance.now() < until);
    return ms;
  },
});
