import { type Mode, modes } from './grinders.ts';
import { type Call, openRivals, type RivalName, rivalNames } from './rivals.ts';

export const modeNames = Object.keys(modes) as Mode[];
export type Entrant = Mode | RivalName;

export interface Field {
  readonly calls: Readonly<Record<Entrant, Call>>;
  stop(): Promise<void>;
}

/** leasepool in each of its modes and all its rivals, with two workers each. */
export async function openField(): Promise<Field> {
  const grinders = await Promise.all(modeNames.map((mode) => modes[mode]()));
  const rivals = openRivals(2);
  return {
    calls: Object.fromEntries([
      ...modeNames.map((mode, i) => [mode, grinders[i].call] as const),
      ...rivalNames.map((name) => [name, rivals[name].call] as const),
    ]) as Record<Entrant, Call>,
    async stop() {
      await Promise.all(grinders.map((grinder) => grinder.stop()));
      for (const name of rivalNames) await rivals[name].stop();
    },
  };
}

/** Which of the rivals has the best median. */
export function best(medians: Readonly<Record<string, number>>, isBetter: 'higher' | 'lower'): RivalName {
  const sign = isBetter === 'higher' ? 1 : -1;
  return [...rivalNames].sort((a, b) => sign * (medians[b] - medians[a]))[0];
}
