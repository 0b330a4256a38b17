import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NotCloneableError } from '../../../src/core/errors.ts';
import { findUncloneablePart, notCloneable } from '../../../src/wire/cloneable.ts';
import { toBytes } from '../../../src/wire/serialize.ts';

const bad = (): void => {};

describe('S30 the part that cannot be copied', () => {
  test('there is none in what can be copied (property)', () => {
    fc.assert(
      fc.property(
        fc.anything({ withMap: true, withSet: true, withDate: true, withTypedArray: true }),
        (value) => {
          expect(findUncloneablePart('it', value)).toBeUndefined();
        },
      ),
    );
  });

  test('is found wherever it stands in objects and arrays (property)', () => {
    const steps = fc.array(fc.oneof(fc.nat(5), fc.stringMatching(/^[a-z]{1,5}$/)), { maxLength: 20 });
    fc.assert(
      fc.property(steps, (path) => {
        let value: unknown = bad;
        for (const step of path.toReversed()) {
          if (typeof step === 'number') {
            const array = Array.from({ length: step }, () => ({ fine: 1 })) as unknown[];
            array.push(value);
            value = array;
          } else value = { before: 'fine', [step]: value, later: bad };
        }
        const expected = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
        const found = findUncloneablePart('root', value);
        // Of several, the first in the order of the keys; "before" is fine, and "later" comes after.
        if (!path.includes('before') && !path.includes('later')) expect(found).toBe(`root${expected}`);
        else expect(found).toMatch(/^root/);
      }),
    );
  });

  test.each([
    [{ 'content-type': bad }, 'it["content-type"]'],
    [{ $ok: { größe: bad } }, 'it.$ok.größe'],
    [{ '': bad }, 'it[""]'],
    [
      new Map<unknown, unknown>([
        ['a', 1],
        ['key', bad],
      ]),
      'it.get(key)',
    ],
    [
      new Map<unknown, unknown>([
        ['a', 1],
        [bad, 2],
      ]),
      'it.keys()[1]',
    ],
    [new Set([1, bad]), 'it.values()[1]'],
    [[[1], [2, bad]], 'it[1][1]'],
    [bad, 'it'],
    [Symbol('x'), 'it'],
    [{ inner: { nested: new WeakMap() } }, 'it.inner.nested'],
  ])('%o is blamed as %s', (value, path) => {
    expect(findUncloneablePart('it', value)).toBe(path);
  });

  test('is found where the value leads back to itself', () => {
    class Node {
      parent: unknown;
      children: unknown[] = [];
      readonly onChange: unknown;
      constructor(parent: unknown, onChange?: unknown) {
        this.parent = parent;
        this.onChange = onChange;
      }
    }
    const root = new Node(undefined);
    root.children = [new Node(root), new Node(root, bad)];
    expect(findUncloneablePart('it', { root, again: root })).toBe('it.root.children[1].onChange');
    expect(findUncloneablePart('it', new Map([['key', root]]))).toBe('it.get(key).children[1].onChange');
  });

  test('is none of an error, which travels in a way of its own', () => {
    const error = Object.assign(new Error('fine', { cause: bad }), { bad });
    expect(findUncloneablePart('it', { error, bad })).toBe('it.bad');
  });

  test('is named as a property where it stands beside the elements of an array', () => {
    expect(findUncloneablePart('it', Object.assign([1], { bad }))).toBe('it.bad');
  });

  test('may be a getter that throws', () => {
    const value = {
      fine: 1,
      get broken(): never {
        throw new Error('trap');
      },
    };
    expect(findUncloneablePart('it', { value })).toBe('it.value.broken');
  });

  test('is the whole when it is too deep to name one part', () => {
    let deep: unknown = bad;
    for (let depth = 0; depth < 200; depth++) deep = { deep };
    expect(findUncloneablePart('it', deep)).toBe('it');
  });

  test('is the whole when it cannot be looked into', () => {
    const proxy = new Proxy({}, { ownKeys: () => bad() as never, getPrototypeOf: () => bad() as never });
    expect(findUncloneablePart('it', proxy)).toBe('it');
  });

  test('in a class instance whose parts are fine, a private function is not seen, and the whole travels', () => {
    class Private {
      readonly #callback = bad;
      call(): void {
        this.#callback();
      }
    }
    expect(findUncloneablePart('it', new Private())).toBeUndefined();
  });

  test('M8 depends on the way of copying', () => {
    const value = { shared: new SharedArrayBuffer(8), view: new Uint8Array(2) };
    expect(findUncloneablePart('it', value)).toBeUndefined();
    expect(findUncloneablePart('it', value, (part) => void toBytes(part))).toBe('it.shared');
  });
});

describe('the error for it', () => {
  test('says where, and why', () => {
    const cause = new Error('function could not be cloned');
    const error = notCloneable('args', [{ f: bad }], cause);
    expect(error).toBeInstanceOf(NotCloneableError);
    expect(error).toMatchObject({ path: 'args[0].f', cause });
    expect(error.message).toBe('args[0].f cannot be copied: function could not be cloned');
  });

  test('shows of the source of a function what tells which one it is', () => {
    const refusal = (source: string): Error => {
      try {
        structuredClone((0, eval)(source));
      } catch (error) {
        return error as Error;
      }
      throw new Error('it was cloned');
    };
    const long = notCloneable('result', bad, refusal(`(value) => {\n${'  value++;\n'.repeat(9)}\n}`));
    expect(long.message).toBe('result cannot be copied: (value) => {… could not be cloned.');
    expect(long.cause).toBeInstanceOf(DOMException);
    expect(long.cause).toMatchObject({
      name: 'DataCloneError',
      message: '(value) => {… could not be cloned.',
    });
    const wide = notCloneable('result', bad, new Error(`${'x'.repeat(1000)} could not be cloned.`));
    expect(wide.message).toMatch(/^result cannot be copied: x{200}… could not be cloned\.$/);
    const short = refusal('() => 1');
    expect(notCloneable('result', bad, short)).toMatchObject({
      message: 'result cannot be copied: () => 1 could not be cloned.',
      cause: short,
    });
  });

  test('says what when no part is to blame', () => {
    const error = notCloneable('result', { fine: 1 }, new Error('out of stack'));
    expect(error.path).toBeUndefined();
    expect(error.message).toBe('result cannot be copied: out of stack');
  });

  test('does without a reason when that is no error, or does not tell', () => {
    for (const cause of ['text', undefined, null, new Error('')])
      expect(notCloneable('result', 1, cause).message).toBe('result cannot be copied');
  });

  test('survives a cause whose message cannot be read', () => {
    const cause = new Error('why');
    Object.defineProperty(cause, 'message', {
      get: () => {
        throw new Error('trap');
      },
    });
    expect(notCloneable('result', 1, cause).message).toBe('result cannot be copied');
  });
});
