import fc from 'fast-check';
import { baseNames, leafNames } from '../tasks/odd-values.js';

/** How to make a value: plain data, so that each side can make it afresh. */
export type Recipe =
  | { readonly kind: 'leaf'; readonly leaf: string }
  | {
      readonly kind: 'object';
      readonly base: string;
      readonly prototype: 'its own' | 'plain' | 'none';
      readonly tag: 'none' | 'own' | 'getter';
      readonly fields: readonly Field[];
    }
  | { readonly kind: 'list'; readonly items: readonly Recipe[]; readonly read: readonly number[] };

interface Field {
  readonly key: string;
  readonly how: 'value' | 'getter' | 'hidden' | 'deletes the next' | 'throws';
  readonly part: Recipe;
}

/** Bases whose clone depends on their prototype alone: nothing else tells what they are. */
const knownByPrototype = ['reference', 'format'];

/** Errors keep their fields, which structured clone drops: tests of errors look at these. */
function asStructuredCloneKnowsIt<T extends { base: string; prototype: string; fields: unknown[] }>(
  recipe: T,
): T {
  if (recipe.base === 'error') return { ...recipe, prototype: 'its own', tag: 'none', fields: [] };
  return knownByPrototype.includes(recipe.base) ? { ...recipe, prototype: 'its own' } : recipe;
}

/** Keys of `Object.prototype` and of `Array.prototype` among others. */
const riskyKeys = ['a', 'b', 'c', 'constructor', 'toString', 'valueOf', 'timed', 'values', '1'] as const;

const leaf = fc.record({ kind: fc.constant('leaf' as const), leaf: fc.constantFrom(...leafNames) });
const { recipe } = fc.letrec<{ recipe: Recipe }>((tie) => ({
  recipe: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc
      .record({
        kind: fc.constant('object' as const),
        base: fc.oneof(
          { weight: 3, arbitrary: fc.constant('plain') },
          { weight: 1, arbitrary: fc.constantFrom(...baseNames) },
        ),
        prototype: fc.constantFrom('its own' as const, 'its own' as const, 'plain' as const, 'none' as const),
        tag: fc.constantFrom('none' as const, 'none' as const, 'own' as const, 'getter' as const),
        fields: fc.uniqueArray(
          fc.record({
            key: fc.constantFrom(...riskyKeys),
            how: fc.constantFrom(
              ...(['value', 'value', 'value', 'getter', 'hidden', 'deletes the next', 'throws'] as const),
            ),
            part: tie('recipe'),
          }),
          { maxLength: 4, selector: ({ key }) => key },
        ),
      })
      .map(asStructuredCloneKnowsIt),
    fc.record({
      kind: fc.constant('list' as const),
      items: fc.array(tie('recipe'), { maxLength: 4 }),
      read: fc.array(fc.nat({ max: 3 }), { maxLength: 1 }),
    }),
  ),
}));

/** Several plain values of one shape are what trees are for: every company has some. */
const usual: fc.Arbitrary<Recipe> = fc.record({
  kind: fc.constant('object' as const),
  base: fc.constant('plain'),
  prototype: fc.constant('its own' as const),
  tag: fc.constant('none' as const),
  fields: fc
    .constantFrom(['a'], ['a', 'b'], ['constructor', 'valueOf'])
    .map((keys) =>
      keys.map((key) => ({ key, how: 'value' as const, part: { kind: 'leaf', leaf: 'one' } as const })),
    ),
});

export const company: fc.Arbitrary<Recipe[]> = fc.array(fc.oneof(recipe, usual), {
  minLength: 4,
  maxLength: 10,
});
