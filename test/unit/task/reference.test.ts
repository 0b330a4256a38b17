import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { moduleString } from '../../../src/task/reference.ts';

const here = import.meta.url;

describe('T1: a module location', () => {
  it.each([
    ['a file URL', here],
    ['a URL object', new URL(here)],
    ['import.meta', { url: here, filename: '/elsewhere.js' }],
    ['a CommonJS module', { filename: import.meta.filename }],
    ['__filename', import.meta.filename],
    ['a URL of another realm', { href: here, protocol: 'file:' }],
  ])('may be %s', (_, location) => {
    expect(moduleString(location)).toBe(here);
  });

  it('keeps a query and a hash, which name another evaluation', () => {
    expect(moduleString(`${here}?v=2#a`)).toBe(`${here}?v=2#a`);
  });

  it('gives a path that needs it an escaped URL', () => {
    expect(moduleString('/a b/c#d.js')).toBe(pathToFileURL('/a b/c#d.js').href);
  });

  it.each(['lodash-es', '@scope/package/tasks', 'node:zlib'])('may be the bare specifier %s', (specifier) => {
    expect(moduleString(specifier)).toBe(specifier);
  });

  it.each([
    ['undefined, as a bundler leaves import.meta.url in CommonJS', undefined, /empty.*__filename/],
    ['an empty string', '', /empty/],
    ['an empty import.meta', {}, /empty/],
    ['import.meta with an empty url', { url: '' }, /empty/],
    ['null', null, /empty/],
    ['a number', 7, /empty/],
    ['a web address', 'https://example.org/t.js', /not from https:/],
    ['a data: URL', 'data:text/javascript,1', /not from data:/],
    ['a relative path', './tasks.js', /new URL\('\.\/tasks\.js', import\.meta\.url\)/],
    ['a path that is relative to the package', '#tasks', /relative/],
    ['a file: URL that is none', 'file://%', /not a valid file: URL/],
  ])('may not be %s', (_, location, message) => {
    expect(() => moduleString(location, 'square')).toThrow(
      expect.objectContaining({
        name: 'TaskReferenceError',
        code: 'ERR_LEASEPOOL_TASK_MODULE',
        taskName: 'square',
        message: expect.stringMatching(message),
      }),
    );
  });
});
