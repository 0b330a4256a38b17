import type { HostPort } from './outbox.ts';
import { systemClock } from '../ground/clock.ts';
import { process, Reflect } from '../ground/globals.ts';

const { exit } = process;

/**
 * Ends this worker in order, with its `exit` listeners run and its coverage and profiles written: a worker that is
 * killed has none of that. What its modules have printed arrives first.
 */
export function leave({ printing, leaves }: HostPort): void {
  const leaveNow = (): void => {
    leaves?.();
    Reflect.apply(exit, process, []);
  };
  const leaveAfterInput = (): void => systemClock.afterInput(leaveNow);
  const printed = printing?.();
  if (printed === undefined) leaveAfterInput();
  else void printed.then(leaveAfterInput);
}
