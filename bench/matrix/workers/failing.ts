export const echo = (value: unknown): unknown => value;

throw new TypeError('this module does not load');
