import { defineTasks } from 'leasepool';

export const { increment } = defineTasks(import.meta.url, {
  increment: (value: number): number => value + 1,
});
