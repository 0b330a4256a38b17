export default (value: number): number => value + 1;

export const each = (values: readonly number[]): number[] => values.map((value) => value + 1);
