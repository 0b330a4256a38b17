/** How a job of each kind is submitted, and what its result must be. */

import type { WorkGrinder } from 'leasepool';
import { answer, bytes } from './answer.ts';
import { jobs, nested, type Entry } from './jobs.ts';
import type { JobKind, Random } from './plan.ts';

export interface Submission {
  readonly result: Promise<unknown>;
  isRight(value: unknown): boolean;
}

export interface Surroundings {
  readonly grinder: WorkGrinder;
  readonly random: Random;
  /** Shared by many jobs, until it aborts. */
  readonly signal: AbortSignal;
}

type Submit = (entry: Entry, surroundings: Surroundings) => Submission;

const isAnswerTo =
  (input: number) =>
  (value: unknown): boolean =>
    value === answer(input);
const never = (): boolean => false;

const areBytes =
  (expected: Uint8Array) =>
  (value: unknown): boolean =>
    value instanceof Uint8Array && Buffer.compare(value, expected) === 0;

const within = (random: Random, below: number): number => Math.floor(random() * below);

const submits: Record<JobKind, Submit> = {
  computes: (entry, { grinder }) => ({
    result: grinder.submit(jobs.computes, [entry, entry.id], { owner: `job ${entry.id}` }),
    isRight: isAnswerTo(entry.id),
  }),
  awaits: (entry, { grinder }) => ({
    result: grinder.submit(jobs.awaits, [entry, entry.id]),
    isRight: isAnswerTo(entry.id),
  }),
  moves: (entry, { grinder }) => {
    const given = bytes(4096, entry.id);
    return {
      result: grinder.submit(jobs.moves, [entry, given], { transfer: [given.buffer] }),
      isRight: areBytes(bytes(4096, entry.id).reverse()),
    };
  },
  carries: (entry, { grinder, random }) => {
    const length = 1 + within(random, 2 ** 20);
    const given = bytes(length, entry.id);
    return {
      result: grinder.submit(jobs.carries, [entry, given, entry.id]),
      isRight: areBytes(bytes(length, entry.id + given[0])),
    };
  },
  'blocks natively': (entry, { grinder }) => ({
    result: grinder.submit(jobs.blocksNatively, [entry, entry.id]),
    isRight: isAnswerTo(entry.id),
  }),
  'is cancelled': (entry, { grinder, random }) => {
    const future = grinder.enqueue(jobs.computes, [entry, entry.id]);
    setTimeout(() => future.cancel(), within(random, 20));
    return { result: future, isRight: isAnswerTo(entry.id) };
  },
  'is aborted': (entry, { grinder, signal }) => ({
    result: grinder.submit(jobs.computes, [entry, entry.id], { signal }),
    isRight: isAnswerTo(entry.id),
  }),
  'may be too late': (entry, { grinder, random }) => ({
    result: grinder.submit(jobs.computes, [entry, entry.id], { queueTimeoutSeconds: 0.001 + random() / 50 }),
    isRight: isAnswerTo(entry.id),
  }),
  throws: (entry, { grinder }) => ({ result: grinder.submit(jobs.throws, [entry]), isRight: never }),
  'throws a value': (entry, { grinder }) => ({
    result: grinder.submit(jobs.throwsValue, [entry]),
    isRight: never,
  }),
  'cannot be sent': (entry, { grinder }) => ({
    result: grinder.submit(jobs.computes, [{ ...entry, callback: () => entry.id } as Entry, entry.id]),
    isRight: never,
  }),
  'cannot be returned': (entry, { grinder }) => ({
    result: grinder.submit(jobs.returnsFunction, [entry]),
    isRight: never,
  }),
  'is too deep to send': (entry, { grinder }) => ({
    result: grinder.submit(jobs.computes, [{ ...entry, inner: nested(200_000) } as Entry, entry.id]),
    isRight: never,
  }),
  'is too deep to return': (entry, { grinder, random }) => ({
    result: grinder.submit(jobs.returnsDeep, [entry, 1000 + within(random, 4000)]),
    isRight: (value) => value !== null && typeof value === 'object' && 'inner' in value,
  }),
  exits: (entry, { grinder, random }) => ({
    result: grinder.submit(jobs.exits, [entry, within(random, 3)]),
    isRight: never,
  }),
  'throws uncaught': (entry, { grinder }) => ({
    result: grinder.submit(jobs.throwsUncaught, [entry]),
    isRight: never,
  }),
  'rejects unhandled': (entry, { grinder }) => ({
    result: grinder.submit(jobs.rejectsUnhandled, [entry]),
    isRight: never,
  }),
  'throws late': (entry, { grinder }) => ({
    result: grinder.submit(jobs.throwsLate, [entry, entry.id]),
    isRight: isAnswerTo(entry.id),
  }),
  'runs out of memory': (entry, { grinder }) => ({
    result: grinder.submit(jobs.runsOutOfMemory, [entry]),
    isRight: never,
  }),
  'loops past its limit': (entry, { grinder, random }) => ({
    result: grinder.submit(jobs.loops, [entry], { timeoutSeconds: 0.005 + random() / 20 }),
    isRight: never,
  }),
  'overstays its lease': (entry, { grinder }) => ({
    result: grinder.submit(jobs.loops, [entry]),
    isRight: never,
  }),
  'kills itself': (entry, { grinder }) => ({
    result: grinder.submit(jobs.killsItself, [entry]),
    isRight: never,
  }),
};

/** Never throws: what `enqueue()` refuses is a rejection too. */
export function submit(kind: JobKind, entry: Entry, surroundings: Surroundings): Submission {
  try {
    return submits[kind](entry, surroundings);
  } catch (error) {
    return { result: Promise.reject(error), isRight: never };
  }
}
