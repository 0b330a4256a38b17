/** What `submit()` and its like take and give. Checked by the compiler, never run. */
import type {
  ExecutorLease,
  SubmitOptions,
  SubmitRest,
  Task,
  TaskRef,
  WorkFuture,
  WorkGrinder,
} from 'leasepool';
import { expectTypeOf } from 'vitest';
import { Counter, identity, join, later, overloaded, square } from './sample.ts';

declare const grinder: WorkGrinder;
declare const lease: ExecutorLease;
declare const nothing: () => void;
declare const optional: (value?: number) => number;
declare const pair: (name: string, size: number) => [string, number];
declare const rest: (...values: number[]) => number;
declare const restLast: (first: string, ...values: readonly number[]) => number;
declare const literal: (unit: 'm' | 'km', strict?: boolean) => 1 | 1000;
declare const maybeLater: (value: number) => number | Promise<string>;
declare const nested: () => Promise<Promise<Date>>;
declare const never: () => never;
declare const unknownTask: (value: unknown) => unknown;
declare const options: SubmitOptions;

// The result.
expectTypeOf(grinder.submit(square, [7])).toEqualTypeOf<Promise<number>>();
expectTypeOf(grinder.enqueue(square, [7])).toEqualTypeOf<WorkFuture<number>>();
expectTypeOf(lease.run(square, [7])).toEqualTypeOf<Promise<number>>();
expectTypeOf(lease.enqueue(square, [7])).toEqualTypeOf<WorkFuture<number>>();
expectTypeOf(lease.runBatch(square, [[1], [2]])).toEqualTypeOf<Promise<PromiseSettledResult<number>[]>>();
expectTypeOf(grinder.submit(nothing)).toEqualTypeOf<Promise<void>>();
expectTypeOf(grinder.submit(pair, ['a', 1])).toEqualTypeOf<Promise<[string, number]>>();
expectTypeOf(grinder.submit(literal, ['km', true])).toEqualTypeOf<Promise<1 | 1000>>();
expectTypeOf(grinder.submit(never)).toEqualTypeOf<Promise<never>>();
expectTypeOf(grinder.submit(unknownTask, [1])).toEqualTypeOf<Promise<unknown>>();
expectTypeOf(grinder.submit((value: number) => `${value}`, [1])).toEqualTypeOf<Promise<string>>();

// That of an async task is what its promise resolves to.
expectTypeOf(grinder.submit(later, [7])).toEqualTypeOf<Promise<string>>();
expectTypeOf(grinder.enqueue(later, [7])).toEqualTypeOf<WorkFuture<string>>();
expectTypeOf(lease.runBatch(later, [[7]])).toEqualTypeOf<Promise<PromiseSettledResult<string>[]>>();
expectTypeOf(grinder.submit(maybeLater, [7])).toEqualTypeOf<Promise<string | number>>();
expectTypeOf(grinder.submit(nested)).toEqualTypeOf<Promise<Date>>();

// A task may be generic, or have overloads: then its last one counts.
expectTypeOf(grinder.submit(identity<string>, ['a'])).toEqualTypeOf<Promise<string>>();
expectTypeOf(grinder.submit(identity<readonly number[]>, [[1, 2]])).toEqualTypeOf<
  Promise<readonly number[]>
>();
expectTypeOf(grinder.submit(overloaded, [7])).toEqualTypeOf<Promise<number>>();
// @ts-expect-error not an argument of that instantiation
void grinder.submit(identity<string>, [7]);
// @ts-expect-error only the last overload counts
void grinder.submit(overloaded, ['a']);

// Optional arguments and rests may be left out, and so may the array when all may.
void grinder.submit(nothing, [], options);
void grinder.submit(nothing, undefined, options);
void grinder.submit(optional);
void grinder.submit(optional, []);
void grinder.submit(optional, [1], { owner: 'me' });
void grinder.submit(optional, undefined, { owner: 'me' });
void grinder.submit(rest);
void grinder.submit(rest, [1, 2, 3]);
void grinder.submit(restLast, ['a']);
void grinder.submit(restLast, ['a', 1, 2], options);
void grinder.submit(join, ['a']);
void grinder.submit(join, ['a', '-', 'b', 'c']);
void grinder.submit(literal, ['m']);
void grinder.submit(square, [7] as const);
void grinder.submit(square, Object.freeze([7] as [number]));

// Too few, too many, none, or not in an array.
// @ts-expect-error an argument is missing, and so is the array
void grinder.submit(square);
// @ts-expect-error likewise
void grinder.submit(square, []);
// @ts-expect-error the array must be given
void grinder.submit(square, undefined, options);
// @ts-expect-error one too many
void grinder.submit(square, [7, 8]);
// @ts-expect-error one too few
void grinder.submit(pair, ['a']);
// @ts-expect-error in the wrong order
void grinder.submit(pair, [1, 'a']);
// @ts-expect-error one too many
void grinder.submit(nothing, [1]);
// @ts-expect-error the first of a rest is not optional
void grinder.submit(restLast, []);
// @ts-expect-error not in an array
void grinder.submit(square, 7);
// @ts-expect-error not in one array
void grinder.submit(pair, 'a', 1);
// @ts-expect-error not in one array, as Python has it
void grinder.submit(join, 'a', '-');
// @ts-expect-error an array of unknown length
void grinder.submit(pair, [] as (string | number)[]);

// Of the wrong type.
// @ts-expect-error a string is no number
void grinder.submit(square, ['7']);
// @ts-expect-error undefined is no number
void grinder.submit(square, [undefined]);
// @ts-expect-error a number in the rest of strings
void grinder.submit(join, ['a', '-', 1]);
// @ts-expect-error another word
void grinder.submit(literal, ['cm']);
// @ts-expect-error a promise of a number is no number
void grinder.submit(square, [Promise.resolve(7)]);
// @ts-expect-error the result is another
void ((): Promise<string> => grinder.submit(square, [7]));

// The same goes for the others.
// @ts-expect-error a string is no number
void grinder.enqueue(square, ['7']);
// @ts-expect-error an argument is missing
void grinder.enqueue(square);
// @ts-expect-error a string is no number
void lease.run(square, ['7']);
// @ts-expect-error an argument is missing
void lease.run(square);
// @ts-expect-error a string is no number
void lease.enqueue(square, ['7']);
// @ts-expect-error an argument is missing
void lease.enqueue(square);
// @ts-expect-error a string is no number
void lease.runBatch(square, [[1], ['2']]);
// @ts-expect-error the arguments of each call are an array
void lease.runBatch(square, [1, 2]);
// @ts-expect-error one too many
void lease.runBatch(square, [[1, 2]]);
// @ts-expect-error which calls
void lease.runBatch(square);
void lease.runBatch(join, [['a'], ['a', '-', 'b']], options);
void lease.runBatch(nothing, [[], []]);
void lease.runBatch(pair, [...new Map([['a', 1]])]);

// What is no task.
// @ts-expect-error a number
void grinder.submit(7);
// @ts-expect-error a name
void grinder.submit('square', [7]);
// @ts-expect-error the result of a call
void grinder.submit(square(7));
// @ts-expect-error a promise of a function
void grinder.submit(Promise.resolve(square), [7]);
// @ts-expect-error a class
void grinder.submit(Counter);
// @ts-expect-error a reference without a name
void grinder.submit({ module: 'file:///tasks.js' });

// Options.
void grinder.submit(square, [7], {});
void grinder.submit(square, [7], undefined);
void grinder.submit(square, [7], { owner: undefined, signal: undefined, transfer: undefined });
void grinder.submit(square, [7], { signal: AbortSignal.timeout(1), transfer: [new ArrayBuffer(8)] });
void grinder.submit(square, [7], { timeoutSeconds: 1, queueTimeoutSeconds: 1 });
// @ts-expect-error there is no such option
void grinder.submit(square, [7], { timeout: 1 });
// @ts-expect-error a typo
void grinder.submit(square, [7], { Owner: 'me' });
// @ts-expect-error a string is no number of seconds
void grinder.submit(square, [7], { timeoutSeconds: '1' });
// @ts-expect-error what cannot be moved
void grinder.submit(square, [7], { transfer: [{}] });
// @ts-expect-error the controller, not its signal
void grinder.submit(square, [7], { signal: new AbortController() });
// @ts-expect-error options in the place of the arguments
void grinder.submit(nothing, { owner: 'me' });
// @ts-expect-error there is no such option
void lease.run(square, [7], { priority: 1 });
// @ts-expect-error there is no such option
void lease.runBatch(square, [[7]], { priority: 1 });

// A function that takes any task, and hands it on.
async function hurried<A extends readonly unknown[], R>(
  task: Task<A, R>,
  ...given: SubmitRest<A, Pick<SubmitOptions, 'owner'>>
): Promise<Awaited<R>> {
  const [args, own] = given;
  return grinder.submit(task, ...([args, { ...own, timeoutSeconds: 1 }] as unknown as SubmitRest<A>));
}
expectTypeOf(hurried(square, [7])).toEqualTypeOf<Promise<number>>();
expectTypeOf(hurried(later, [7], { owner: 'me' })).toEqualTypeOf<Promise<string>>();
expectTypeOf(hurried(optional)).toEqualTypeOf<Promise<number>>();
// @ts-expect-error an argument is missing
void hurried(square);
// @ts-expect-error an option that this function does not let through
void hurried(square, [7], { timeoutSeconds: 1 });

expectTypeOf<SubmitRest<[]>>().toEqualTypeOf<[args?: readonly [], options?: SubmitOptions]>();
expectTypeOf<SubmitRest<[a?: number]>>().toEqualTypeOf<
  [args?: readonly [a?: number], options?: SubmitOptions]
>();
expectTypeOf<SubmitRest<[number]>>().toEqualTypeOf<[args: readonly [number], options?: SubmitOptions]>();
expectTypeOf<SubmitRest<number[]>>().toEqualTypeOf<[args?: readonly number[], options?: SubmitOptions]>();
expectTypeOf<SubmitRest<[number], { a: 1 }>>().toEqualTypeOf<[args: readonly [number], options?: { a: 1 }]>();
expectTypeOf<Task<[number], string>>().toEqualTypeOf<
  ((value: number) => string) | TaskRef<[number], string>
>();
