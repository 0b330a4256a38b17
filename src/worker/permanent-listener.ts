import { process, Reflect } from '../core/globals.ts';

type Listener = (...args: any[]) => void;

const kept: (readonly [event: string, listener: Listener])[] = [];
const { on, removeAllListeners } = process;

/**
 * Listens to an event of this process for good: a job that clears the listeners of its process must not take away
 * what the worker hears and says by. At once, because Node delivers messages in between.
 */
export function addPermanentListener(event: string, listener: Listener): void {
  kept.push([event, listener]);
  process.on(event, listener);
  process.removeAllListeners = function (...events) {
    Reflect.apply(removeAllListeners, process, events);
    for (const [each, again] of kept) {
      if (events.length === 0 || events[0] === each) Reflect.apply(on, process, [each, again]);
    }
    return this;
  };
}
