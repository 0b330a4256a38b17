/** How functions of other modules are named. Checked by the compiler, never run. */
import { defineTasks, importTasks, move, taskRef, workerData } from 'leasepool';
import type { ExecutorLease, ModuleLocation, TaskModule, TaskRef, WorkGrinder } from 'leasepool';
import { expectTypeOf } from 'vitest';
import type * as sample from './sample.ts';

declare const grinder: WorkGrinder;
declare const lease: ExecutorLease;

// Functions come back as they were.
const table = {
  square: (value: number): number => value * value,
  join: (first: string, ...others: string[]): string => [first, ...others].join(),
  async later(): Promise<1> {
    return 1;
  },
  identity: <T>(value: T): T => value,
};
const defined = defineTasks(import.meta.url, table);
expectTypeOf(defined).toEqualTypeOf<typeof table>();
expectTypeOf(defined.square(7)).toEqualTypeOf<number>();
expectTypeOf(grinder.submit(defined.square, [7])).toEqualTypeOf<Promise<number>>();
expectTypeOf(grinder.submit(defined.later)).toEqualTypeOf<Promise<1>>();
expectTypeOf(grinder.submit(defined.identity<'a'>, ['a'])).toEqualTypeOf<Promise<'a'>>();
// @ts-expect-error no such task
void defined.cube;
// @ts-expect-error a string is no number
void grinder.submit(defined.square, ['7']);

// Without annotations too.
const { twice } = defineTasks(import.meta, { twice: (value: number) => [value, value] as const });
expectTypeOf(twice).toEqualTypeOf<(value: number) => readonly [number, number]>();

// @ts-expect-error a value that is no function
defineTasks(import.meta.url, { limit: 7 });
// @ts-expect-error one among others
defineTasks(import.meta.url, { square: table.square, named: 'a' });
// @ts-expect-error where the module is
defineTasks({ square: table.square });
// @ts-expect-error where the module is, as a bundler leaves it
defineTasks(undefined, { square: table.square });
// @ts-expect-error a function, not a table
defineTasks(import.meta.url, table.square);

// A module is told in any of these ways.
expectTypeOf<string>().toExtend<ModuleLocation>();
expectTypeOf<URL>().toExtend<ModuleLocation>();
expectTypeOf<ImportMeta>().toExtend<ModuleLocation>();
expectTypeOf<NodeJS.Module>().toExtend<ModuleLocation>();
expectTypeOf<number>().not.toExtend<ModuleLocation>();
expectTypeOf<{ path: string }>().not.toExtend<ModuleLocation>();

// All functions of a module, and nothing else of it.
const tasks = importTasks<typeof sample>(new URL('./sample.js', import.meta.url));
expectTypeOf<keyof typeof tasks>().toEqualTypeOf<
  'square' | 'join' | 'later' | 'overloaded' | 'identity' | 'default'
>();
expectTypeOf(tasks.square).toEqualTypeOf<TaskRef<[value: number], number>>();
expectTypeOf(tasks.default).toEqualTypeOf<TaskRef<[], boolean>>();
expectTypeOf(grinder.submit(tasks.square, [7])).toEqualTypeOf<Promise<number>>();
expectTypeOf(grinder.submit(tasks.later, [7])).toEqualTypeOf<Promise<string>>();
expectTypeOf(grinder.submit(tasks.default)).toEqualTypeOf<Promise<boolean>>();
expectTypeOf(lease.run(tasks.join, ['a', '-', 'b'])).toEqualTypeOf<Promise<string>>();
expectTypeOf(lease.runBatch(tasks.square, [[1]])).toEqualTypeOf<Promise<PromiseSettledResult<number>[]>>();
// What a generic function gives cannot be told from a reference to it.
expectTypeOf(grinder.submit(tasks.identity, ['a'])).toEqualTypeOf<Promise<unknown>>();
// @ts-expect-error no function
void tasks.limit;
// @ts-expect-error a class
void tasks.Counter;
// @ts-expect-error no such export
void tasks.cube;
// @ts-expect-error a reference is not called
tasks.square(7);
// @ts-expect-error a string is no number
void grinder.submit(tasks.square, ['7']);
// @ts-expect-error an argument is missing
void grinder.submit(tasks.square);
// @ts-expect-error of the wrong type, where one may be left out
void grinder.submit(tasks.join, ['a', 1]);
// @ts-expect-error references are not assigned to
tasks.square = taskRef<typeof sample.square>(import.meta, 'square');
// @ts-expect-error import.meta is no URL
importTasks<typeof sample>(import.meta);
expectTypeOf<TaskModule<{ a(value: Date): void; b: 1 }>>().toEqualTypeOf<{
  readonly a: TaskRef<[value: Date], void>;
}>();

// One function.
const square = taskRef<typeof sample.square>(import.meta, 'square');
expectTypeOf(square).toEqualTypeOf<TaskRef<[value: number], number>>();
expectTypeOf(grinder.submit(square, [7])).toEqualTypeOf<Promise<number>>();
expectTypeOf(
  grinder.submit(taskRef<typeof sample.identity<Date>>(import.meta, 'identity'), [new Date()]),
).toEqualTypeOf<Promise<Date>>();
expectTypeOf(
  grinder.submit(taskRef<(a?: number, ...b: string[]) => Promise<void>>(import.meta.url, 'other'), [1, 'b']),
).toEqualTypeOf<Promise<void>>();
// @ts-expect-error a string is no number
void grinder.submit(square, ['7']);
// @ts-expect-error which function of it
taskRef<typeof sample.square>(import.meta.url);
// @ts-expect-error no type of function
taskRef<number>(import.meta.url, 'square');

// Written by hand, a reference takes anything and gives it is not known what.
const byHand: TaskRef = { module: 'file:///tasks.js', name: 'square' };
expectTypeOf(grinder.submit(byHand, [1, 'a'])).toEqualTypeOf<Promise<unknown>>();
expectTypeOf(grinder.submit({ module: 'file:///tasks.js', name: 'square' })).toEqualTypeOf<
  Promise<unknown>
>();
const typed: TaskRef<[number], string> = { module: 'package/tasks', name: 'square' };
expectTypeOf(grinder.submit(typed, [1])).toEqualTypeOf<Promise<string>>();
// @ts-expect-error a string is no number
void grinder.submit(typed, ['a']);
// @ts-expect-error a reference to a function with other arguments
void ((): TaskRef<[string], string> => typed);
// @ts-expect-error a reference to a function with another result
void ((): TaskRef<[number], number> => typed);
// @ts-expect-error references are not assigned to
typed.name = 'cube';

// Moving and data.
expectTypeOf(move(new Uint8Array(1), [new ArrayBuffer(1)])).toEqualTypeOf<Uint8Array<ArrayBuffer>>();
// @ts-expect-error what is to be moved
move(new Uint8Array(1));
// @ts-expect-error what cannot be moved
move({}, [{}]);
expectTypeOf(workerData()).toEqualTypeOf<unknown>();
