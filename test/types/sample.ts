/** A module as tasks are imported from: functions of all kinds, and things that are none. */
export const limit = 7;
export const named = 'sample';
export class Counter {
  count = 0;
}

export function square(value: number): number {
  return value * value;
}

export function join(first: string, separator?: string, ...others: readonly string[]): string {
  return [first, ...others].join(separator);
}

export async function later(value: number): Promise<string> {
  return String(value);
}

export function overloaded(value: string): string;
export function overloaded(value: number): number;
export function overloaded(value: string | number): string | number {
  return value;
}

export function identity<T>(value: T): T {
  return value;
}

export default function whole(): boolean {
  return true;
}
