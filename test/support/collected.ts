import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { until } from './until.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Resolves once the condition holds, which a garbage collection is to bring about. */
export function untilAfterCollection(condition: () => boolean, what: string): Promise<void> {
  return until(() => {
    collectGarbage();
    return condition();
  }, what);
}

/** Resolves once all of them have been garbage collected. */
export function untilCollected(objects: readonly WeakRef<object>[], what: string): Promise<void> {
  return untilAfterCollection(
    () => objects.every((object) => object.deref() === undefined),
    `garbage collected: ${what}`,
  );
}
