import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { onTestFinished } from 'vitest';

/** What is published on these channels while the test runs: `[name, message]`, the messages as they are then. */
export function heard(...names: readonly string[]): [name: string, message: any][] {
  const entries: [string, any][] = [];
  const listen = (message: unknown, name: string | symbol): void =>
    void entries.push([String(name), { ...(message as object) }]);
  for (const name of names) subscribe(name, listen);
  onTestFinished(() => {
    for (const name of names) unsubscribe(name, listen);
  });
  return entries;
}
