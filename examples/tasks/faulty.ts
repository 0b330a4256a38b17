import { defineTasks } from 'leasepool';

class OutOfStockError extends Error {
  override readonly name = 'OutOfStockError';
  readonly code = 'OUT_OF_STOCK';
  readonly missing: number;

  constructor(missing: number, cause: unknown) {
    super(`${missing} pieces are missing`, { cause });
    this.missing = missing;
  }
}

const asleep = new Int32Array(new SharedArrayBuffer(4));

/** Tasks that go wrong, each in its way. */
export const { order, stuck, crash, uncopyable } = defineTasks(import.meta.url, {
  order(pieces: number): string {
    if (pieces > 10) throw new OutOfStockError(pieces - 10, new RangeError('the shelf holds 10'));
    return `${pieces} pieces ordered`;
  },

  /** Blocks its worker for ever. */
  stuck: (): string => Atomics.wait(asleep, 0, 0),

  crash: (): never => process.exit(3),

  /** Functions cannot be sent to another thread, nor back. */
  uncopyable: () => ({ price: 7, format: (price: number) => `${price} €` }),
});
