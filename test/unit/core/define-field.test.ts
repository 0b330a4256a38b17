import { expect, test } from 'vitest';
import { defineField } from '../../../src/core/define-field.ts';
import { copyOf, NotStartedError } from '../../../src/core/errors.ts';

/** Does something while `Object.prototype` has a field. */
function whileAllHave<T>(key: string, descriptor: PropertyDescriptor, run: () => T): T {
  Object.defineProperty(Object.prototype, key, { ...descriptor, configurable: true });
  try {
    return run();
  } finally {
    Reflect.deleteProperty(Object.prototype, key);
  }
}

test('S39 a field is the own one of its object, whatever prototypes or descriptors have', () => {
  const refuse = (): never => {
    throw new Error('a setter');
  };
  const target: Record<string, unknown> = {};
  whileAllHave('a', { set: refuse }, () => defineField(target, 'a', 1, true));
  whileAllHave('get', { value: () => 'of the prototype' }, () => defineField(target, 'b', 2, false));
  defineField(target, '__proto__', 3, true);
  expect(Object.entries(Object.getOwnPropertyDescriptors(target))).toEqual([
    ['a', { value: 1, writable: true, enumerable: true, configurable: true }],
    ['b', { value: 2, writable: true, enumerable: false, configurable: true }],
    ['__proto__', { value: 3, writable: true, enumerable: true, configurable: true }],
  ]);
});

test('S39 an error has no cause that all objects have', () => {
  const error = whileAllHave('cause', { value: 'of the prototype' }, () =>
    copyOf(new NotStartedError('it is not', {})),
  );
  expect(Object.hasOwn(error, 'cause')).toBe(false);
  const cause = new Error('why');
  expect(
    Object.getOwnPropertyDescriptor(copyOf(new NotStartedError('it is not', { cause })), 'cause'),
  ).toEqual({
    value: cause,
    writable: true,
    enumerable: false,
    configurable: true,
  });
});
