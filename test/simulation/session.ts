import './virtual-globals.ts';
import fc from 'fast-check';
import { program as anyProgram } from './arbitraries.ts';
import { hashOf } from './chance.ts';
import { Coverage } from './coverage.ts';
import type { Program } from './program.ts';
import { lineOf } from './regressions.ts';
import { type Report, run } from './run.ts';
import type { Violation } from './scene.ts';

export interface SessionOptions {
  readonly seed: number;
  readonly path?: string;
  /** Ends after so long, or after so many runs. */
  readonly milliseconds?: number;
  readonly runs?: number;
  /** Whether the program that failed is made smaller. */
  readonly shrinks?: boolean;
  /** A program has failed, and is going to be made smaller. */
  readonly onFailure?: (violation: Violation) => void;
}

export interface Session {
  readonly seed: number;
  runs: number;
  events: number;
  faults: number;
  deeds: number;
  items: number;
  /** Of all that happened, in its order. */
  digest: number;
  readonly coverage: Coverage;
  failure?: Failure;
}

export interface Failure {
  readonly program: Program;
  readonly violation: Violation;
  /** Where the generator comes to the program, from the seed. */
  readonly path: string;
}

/** So long a program that failed is made smaller: a run in which nothing comes to an end is a slow one. */
const mostShrinkingMs = 60_000;

/** Runs one program after the other until one fails, or until there is no more time. */
export async function holdSession(options: SessionOptions): Promise<Session> {
  const { seed, path, milliseconds, runs = Number.MAX_SAFE_INTEGER, shrinks = true } = options;
  const session: Session = {
    seed,
    runs: 0,
    events: 0,
    faults: 0,
    deeds: 0,
    items: 0,
    digest: 0,
    coverage: new Coverage(),
  };
  let last: Violation | undefined;
  let shrinksUntilMs = Infinity;
  const property = fc.asyncProperty(anyProgram, async (program) => {
    if (performance.now() > shrinksUntilMs) return;
    const report = await run(program);
    if (report.violation === undefined) {
      // Afterwards the program that failed is made smaller.
      if (last === undefined) count(session, report);
    } else {
      if (last === undefined) {
        options.onFailure?.(report.violation);
        shrinksUntilMs = performance.now() + mostShrinkingMs;
      }
      last = report.violation;
      throw report.violation;
    }
  });
  const details = await fc.check(property, {
    seed,
    numRuns: runs,
    endOnFailure: !shrinks,
    ...(path === undefined ? {} : { path }),
    ...(milliseconds === undefined
      ? {}
      : { interruptAfterTimeLimit: milliseconds, markInterruptAsFailure: false }),
  });
  if (details.counterexample !== null) {
    const [program] = details.counterexample;
    session.failure = { program, violation: last!, path: details.counterexamplePath! };
  }
  return session;
}

function count(session: Session, report: Report): void {
  session.runs++;
  session.events += report.events;
  session.faults += report.faults;
  session.digest = hashOf(String(report.digest), session.digest);
  session.deeds += report.deeds;
  session.items += report.items;
  session.coverage.add(report.coverage);
}

/** What broke, how to see it again, and what to keep of it. */
export function tellFailure({ program, violation, path }: Failure, seed: number): string {
  const entry = lineOf({ name: `seed ${seed}`, law: violation.law, program });
  return [
    String(violation),
    `Again: npm run prove -- --seed ${seed} --path ${path}`,
    'To be kept in test/simulation/regressions.jsonl, with a better name:',
    entry,
  ].join('\n');
}
