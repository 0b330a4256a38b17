import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { outOfRange } from '../../../src/core/options.ts';
import { withoutSecrets } from '../../../src/core/secrets.ts';

const secret = 'hunter2';

describe('a value in a message', () => {
  test.each([
    ['a URL', `redis://user:${secret}@host:6379/0`, "'redis://***@host:6379/0'"],
    ['a URL with a password that is not encoded', `redis://:a@${secret}/b@host`, "'redis://***@host'"],
    ['a long URL, cut short', `redis://user:${secret.repeat(20)}@host`, "'redis://***'... "],
    ['a URL object', new URL(`http://user:${secret}@host/?token=${secret}`), 'http://***@host/?token=***'],
    ['a query', `http://host/?db=1&password=${secret}#x`, "'http://host/?db=1&password=***#x'"],
    ['options', { host: 'redis', password: secret, port: 1 }, "{ host: 'redis', password: '***', port: 1 }"],
    ['a value with quotes', { passphrase: `${secret}'"\`` }, "{ passphrase: '***' }"],
    ['a number', { secretNumber: 71_077_345 }, "{ secretNumber: '***' }"],
    ['a header', { 'api-key': secret }, "{ 'api-key': '***' }"],
    ['a map', new Map([['password', secret]]), "'password' => '***'"],
    ['a URL among others', [`postgres://u:${secret}@host/db`, 5], "[ 'postgres://***@host/db', 5 ]"],
  ])('S24 is shown without what is secret in it: %s', (_what, value, shown) => {
    const { message } = outOfRange('"option" must be something else', value);
    expect(message).toContain(shown);
    expect(message).not.toMatch(/hunter2|71077345/);
  });

  test.each([
    'text',
    5,
    -0,
    Symbol('x'),
    { bypass: 1, keyPrefix: 'a', order: undefined },
    ['me@host', 'http://host/a?b=c', 'http://host:80/@scope/a', 'file:///a/@scope/b.js:1:2'],
    new Date(0),
  ])('S24 is shown as it is otherwise: %o', (value) => {
    const shown = inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 60 });
    expect(withoutSecrets(shown)).toBe(shown);
  });
});
