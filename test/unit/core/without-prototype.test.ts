import { expect, onTestFinished, test } from 'vitest';
import { withoutPrototype } from '../../../src/core/without-prototype.ts';

test('own fields are all that such a copy has', () => {
  Object.defineProperty(Object.prototype, 'eval', { value: 1, configurable: true, writable: true });
  onTestFinished(() => void Reflect.deleteProperty(Object.prototype, 'eval'));
  const copy = withoutPrototype<{ name: string; eval?: number }>({ name: 'worker' });
  expect(copy.name).toBe('worker');
  expect(copy.eval).toBeUndefined();
  expect(Object.getPrototypeOf(copy)).toBeNull();
});
