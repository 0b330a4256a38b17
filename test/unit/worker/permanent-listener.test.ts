import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { addPermanentListener } from '../../../src/worker/permanent-listener.ts';

const emit = (event: string): boolean => EventEmitter.prototype.emit.call(process, event);

test('N2 a job that clears the listeners of its process clears those of the worker for no moment', () => {
  const [kept, other] = [vi.fn(), vi.fn()];
  addPermanentListener('leasepool-kept', kept);
  process.on('leasepool-kept', other);
  process.removeAllListeners('leasepool-kept');
  emit('leasepool-kept');
  process.removeAllListeners('leasepool-other');
  emit('leasepool-kept');
  expect(kept).toHaveBeenCalledTimes(2);
  expect(other).not.toHaveBeenCalled();
});
