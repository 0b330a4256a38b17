import { createHook } from 'node:async_hooks';
import { onTestFinished } from 'vitest';

/** Counts the timers of the package that are armed, those that do not keep the process alive included. */
export function watchTimers(): { readonly armed: number } {
  const armed = new Set<number>();
  const hook = createHook({
    init(id, type) {
      if (type === 'Timeout' && /[\\/](dist|src)[\\/]core[\\/]/.test(String(new Error().stack)))
        armed.add(id);
    },
    destroy: (id) => void armed.delete(id),
  }).enable();
  onTestFinished(() => void hook.disable());
  return {
    get armed() {
      return armed.size;
    },
  };
}
