/**
 * Runs the simulation on the sources it lies beside until a promise is broken, and tells its parent process.
 * Arguments: the seed, the most runs, whether to make the program smaller.
 */

import type { Program } from '../program.ts';
import { holdSession } from '../session.ts';

export interface Hunt {
  readonly runs: number;
  /** What was found. */
  readonly catch: { readonly law: string; readonly program: Program } | undefined;
}

const [seed, runs, shrinks] = process.argv.slice(2);
process.send!('the sources have been loaded');
const { failure } = await holdSession({
  seed: Number(seed),
  runs: Number(runs),
  shrinks: shrinks === 'true',
  ...(shrinks === 'true' ? { milliseconds: 15_000 } : {}),
});
const hunt: Hunt = {
  runs: failure === undefined ? Number(runs) : Number.parseInt(failure.path, 10) + 1,
  catch: failure && { law: failure.violation.law, program: failure.program },
};
process.send!(hunt);
process.disconnect();
