import { createHash } from 'node:crypto';
import { defineTasks } from 'leasepool';

export interface Item {
  readonly id: number;
  readonly name: string;
  readonly tags: readonly [string, string, string];
  readonly nested: { readonly width: number; readonly unit: string };
}

/** The jobs of the benchmarks: the same functions for everybody. */
export const jobs = defineTasks(import.meta.url, {
  increment: (value: number): number => value + 1,
  increments: (values: readonly number[]): number[] => values.map((value) => value + 1),
  rename: ({ id, name, tags, nested }: Item): Item => ({
    id: id + 1,
    name,
    tags: [tags[0], tags[1], tags[2]],
    nested: { width: nested.width, unit: nested.unit },
  }),
  sha256: (text: string): string => createHash('sha256').update(text).digest('hex'),
  /** Work of a given length. */
  spin(ms: number): number {
    const until = performance.now() + ms;
    while (performance.now() < until);
    return ms;
  },
});
