/** What `map()` takes and gives. Checked by the compiler, never run. */
import type { ReadableStream } from 'node:stream/web';
import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import type { Mapping, MapOptions, MapOutcome, MapSource, TaskModule, WorkGrinder } from 'leasepool';
import { expectTypeOf } from 'vitest';
import { identity, join, later, square } from './sample.ts';

declare const grinder: WorkGrinder;
declare const references: TaskModule<typeof import('./sample.ts')>;
declare const numbers: readonly number[];
declare const strings: AsyncIterable<string>;
declare const pair: (name: string, size: number) => [string, number];
declare const optional: (value?: number) => number;
declare const nothing: () => void;
declare const either: boolean;

// The result is that of the task, whatever the source is.
expectTypeOf(grinder.map(numbers, square)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map(new Set([1]), square)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map([Promise.resolve(1), 2], square)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map({} as AsyncGenerator<number>, square)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map({} as ReadableStream<number>, square)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map(Readable.from([]), square)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map(numbers, later)).toEqualTypeOf<Mapping<string>>();
expectTypeOf(grinder.map(numbers, references.square)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map(numbers, references.later)).toEqualTypeOf<Mapping<string>>();
expectTypeOf(grinder.map(numbers, (value: number) => [value])).toEqualTypeOf<Mapping<number[]>>();
expectTypeOf(grinder.map(numbers, (value) => value.toFixed())).toEqualTypeOf<Mapping<string>>();
expectTypeOf(grinder.map(numbers, optional)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map(numbers, nothing)).toEqualTypeOf<Mapping<void>>();
expectTypeOf(grinder.map(strings, join)).toEqualTypeOf<Mapping<string>>();
expectTypeOf(grinder.map(numbers, identity<number>)).toEqualTypeOf<Mapping<number>>();
expectTypeOf(grinder.map([[1, 2]], (value: readonly number[]) => value.length)).toEqualTypeOf<
  Mapping<number>
>();

// With outcomes.
expectTypeOf(grinder.map(numbers, later, { settled: true })).toEqualTypeOf<
  Mapping<MapOutcome<number, string>>
>();
expectTypeOf(grinder.map(numbers, square, { settled: false, concurrency: 4 })).toEqualTypeOf<
  Mapping<number>
>();
expectTypeOf(grinder.map(numbers, square, { settled: either })).toEqualTypeOf<
  Mapping<number | MapOutcome<number, number>>
>();

// With the arguments made of the element.
expectTypeOf(grinder.map(strings, pair, { args: (text, index) => [text, index] })).toEqualTypeOf<
  Mapping<[string, number]>
>();
expectTypeOf(
  grinder.map([{ id: 'a', size: 1 }], pair, { args: ({ id, size }) => [id, size], settled: true }),
).toEqualTypeOf<Mapping<MapOutcome<{ id: string; size: number }, [string, number]>>>();
void grinder.map([['a', 1] as [string, number]], pair, { args: (element) => element });
void grinder.map(strings, references.join, { args: (text) => [text, '-', text] });

// @ts-expect-error the elements are no numbers
void grinder.map(strings, square);
// @ts-expect-error likewise, by reference
void grinder.map(strings, references.square);
// @ts-expect-error likewise, awaited
void grinder.map([Promise.resolve('a')], square);
// @ts-expect-error the task needs two arguments
void grinder.map(strings, pair);
// @ts-expect-error an element is not spread
void grinder.map([['a', 1] as [string, number]], pair);
// @ts-expect-error too few of them
void grinder.map(strings, pair, { args: (text) => [text] });
// @ts-expect-error in the wrong order
void grinder.map(strings, pair, { args: (text, index) => [index, text] });
// @ts-expect-error no array
void grinder.map(strings, join, { args: (text: string) => text });
// @ts-expect-error no such option
void grinder.map(numbers, square, { transfer: [] });
// @ts-expect-error a promise of an iterable
void grinder.map(Promise.resolve(numbers), square);

// It goes where async iterables go.
async function read(): Promise<number> {
  for await (const value of grinder.map(numbers, square)) return value;
  await pipeline(strings, (chunks) => grinder.map(chunks, join), new Writable());
  await using mapping = grinder.map(numbers, square);
  const { done, value } = await mapping.next();
  return done === true ? 0 : value;
}
void read;
expectTypeOf<Mapping<number>>().toExtend<AsyncIterableIterator<number>>();
expectTypeOf<Mapping<number>>().toExtend<Mapping<unknown>>();
expectTypeOf<string[]>().toExtend<MapSource<string>>();
expectTypeOf<MapOptions['ordered']>().toEqualTypeOf<boolean | undefined>();
