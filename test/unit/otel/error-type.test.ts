import { expect, test } from 'vitest';
import { errorType } from '../../../src/otel/error-type.ts';

test.each([
  ['its code', Object.assign(new Error('none'), { code: 'ENOENT' }), 'ENOENT'],
  ['else its name', new RangeError('bad'), 'RangeError'],
  ['its name, when the code is a number', Object.assign(new TypeError('bad'), { code: 4 }), 'TypeError'],
  ['else that it is another', 'a text', '_OTHER'],
  ['that it is another, also for nothing', undefined, '_OTHER'],
  ['that it is another, also with a name', { name: 'one of many' }, '_OTHER'],
])('the type of an error is %s', (_, error, type) => {
  expect(errorType(error)).toBe(type);
});
