import { defineTasks, move, workerData } from 'leasepool';

export const { square, join, later, filled, word } = defineTasks(import.meta.url, {
  square: (value: number): number => value * value,
  join: (first: string, separator = ' ', ...others: string[]): string => [first, ...others].join(separator),
  async later(value: string): Promise<string> {
    return value;
  },
  filled(length: number, value: number) {
    const bytes = new Uint8Array(length).fill(value);
    return move(bytes, [bytes.buffer]);
  },
  word: (): unknown => workerData(),
});
