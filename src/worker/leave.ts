import type { HostPort } from './outbox.ts';
import { systemClock } from '../core/clock.ts';
import { process, Reflect } from '../core/globals.ts';

const { exit } = process;

/**
 * Ends this worker in order, with its `exit` listeners run and its coverage and profiles written: a worker that is
 * killed has none of that. What its modules have printed arrives first.
 */
export function leave({ stdioFlushed, leaves }: HostPort): void {
  const leaveNow = (): void => {
    leaves?.();
    Reflect.apply(exit, process, []);
  };
  const leaveAfterInput = (): void => systemClock.afterPoll(leaveNow);
  const printed = stdioFlushed?.();
  if (printed === undefined) leaveAfterInput();
  else void printed.then(leaveAfterInput);
}
