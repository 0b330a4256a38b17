/** What the jobs compute, known to whoever checks them. */

export function answer(input: number): number {
  let value = input | 0;
  for (let round = 0; round < 1000; round++) value = (Math.imul(value, 1664525) + 1013904223) | 0;
  return value;
}

/** Counting up from the first one. */
export function bytes(length: number, first: number): Uint8Array<ArrayBuffer> {
  const counting = new Uint8Array(length);
  for (let index = 0; index < length; index++) counting[index] = first + index;
  return counting;
}
