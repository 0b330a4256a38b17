import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { until } from './until.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Resolves once all of them have been garbage collected. */
export function untilCollected(objects: readonly WeakRef<object>[], what: string): Promise<void> {
  return until(() => {
    collectGarbage();
    return objects.every((object) => object.deref() === undefined);
  }, `garbage collected: ${what}`);
}
