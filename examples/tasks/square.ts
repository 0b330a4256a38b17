import { defineTasks } from 'leasepool';

export const { square } = defineTasks(import.meta.url, {
  square: (value: number): number => value * value,
});
