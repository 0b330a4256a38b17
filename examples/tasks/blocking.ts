import { defineTasks } from 'leasepool';

const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread that calls it, as a long computation does. */
function blockMilliseconds(milliseconds: number): void {
  Atomics.wait(never, 0, 0, milliseconds);
}

export const { blockingSquare, blockingFormat, blockingAdd } = defineTasks(import.meta.url, {
  blockingSquare: (value: number): number => {
    blockMilliseconds(50);
    return value * value;
  },

  blockingFormat: (value: number): string => {
    blockMilliseconds(50);
    return `value=${value}`;
  },

  blockingAdd: (left: number, right: number): number => {
    blockMilliseconds(50);
    return left + right;
  },
});
