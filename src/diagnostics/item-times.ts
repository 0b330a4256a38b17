import { systemClock } from '../core/clock.ts';
import type { BatchMessage, DiagnosedItem, ItemSettleMessage } from './channels.ts';
import { WeakMap } from '../core/globals.ts';
import { listen } from './listen.ts';

/** Who wants to know how long items take and how large batches are. */
export interface ItemObserver {
  /** Whether the items and batches of this grinder are its business. */
  wants(grinder: string): boolean;
  /** An item was sent to a pool, so long after its acceptance; one that comes back and is sent again is in it again. */
  waited(grinder: string, seconds: number): void;
  /** An item was settled, so long after its acceptance. */
  settled(grinder: string, seconds: number, message: ItemSettleMessage): void;
  /** A batch has ended. */
  batchEnded(batch: BatchMessage): void;
}

/** Tells of the items that are submitted from now on. @returns ends it */
export function observeItems(observer: ItemObserver): () => void {
  const submittedAtMs = new WeakMap<DiagnosedItem, number>();
  const ageSeconds = (item: DiagnosedItem): number | undefined => {
    const atMs = submittedAtMs.get(item);
    return atMs === undefined ? undefined : (systemClock.now() - atMs) / 1000;
  };
  const undo = [
    listen('leasepool:item:submit', ({ item }) => {
      if (item.grinder !== undefined && observer.wants(item.grinder))
        submittedAtMs.set(item, systemClock.now());
    }),
    listen('leasepool:item:send', ({ item }) => {
      const seconds = ageSeconds(item);
      if (seconds !== undefined) observer.waited(item.grinder!, seconds);
    }),
    listen('leasepool:item:settle', (message) => {
      const seconds = ageSeconds(message.item);
      if (seconds !== undefined) observer.settled(message.item.grinder!, seconds, message);
    }),
    listen('tracing:leasepool:batch:asyncEnd', (batch) => {
      if (observer.wants(batch.grinder)) observer.batchEnded(batch);
    }),
  ];
  return () => undo.forEach((each) => each());
}

/** Limits of buckets for these seconds, and for the sizes of batches. */
export const secondsLimits: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
export const sizeLimits: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
