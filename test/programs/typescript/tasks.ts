import { defineTasks, workerData } from 'leasepool';

/** Gone when the program runs, unlike the lines it takes. */
interface Shape {
  readonly name: string;
  readonly corners: number;
}

export type Named = Pick<Shape, 'name'>;

let calls = 0;

/** Not in the table: found as an export. */
export function describe(shape: Shape): string {
  return `${shape.name} with ${shape.corners} corners`;
}

export default function greet(this: void, { name }: Named): string {
  return `hello ${name}`;
}

export const { square, count, later, fail } = defineTasks(import.meta.url, {
  square: (value: number): number => value * value,
  count: (): number => ++calls,
  async later(value: string): Promise<string> {
    return value satisfies string;
  },
  given: (): unknown => workerData(),
  fail(message: string): never {
    const known: Named = { name: message };
    throw new RangeError(known.name);
  },
});
