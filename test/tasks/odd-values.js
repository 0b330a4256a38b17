/**
 * Values as people make them who know the language: getters that count, objects whose prototype is another's, tags
 * that lie; made of recipes, which are plain data.
 */
import { types } from 'node:util';

const leaves = {
  one: () => 1,
  'negative zero': () => -0,
  text: () => 'text',
  nothing: () => undefined,
  null: () => null,
  big: () => 10n ** 30n,
  symbol: () => Symbol('s'),
  function: () => () => {},
};

const bases = {
  plain: () => ({}),
  instance: () => new (class Point {})(),
  map: () => new Map([[1, { in: 'map' }]]),
  set: () => new Set(['x']),
  date: () => new Date(5),
  regexp: () => /x/g,
  error: () => new RangeError('no'),
  memory: () => new ArrayBuffer(3),
  number: () => Object(5),
  bigint: () => Object(5n),
  string: () => Object('ab'),
  promise: () => Promise.resolve(1),
  weak: () => new WeakMap(),
  reference: () => new WeakRef({}),
  iterator: () => new Map().keys(),
  generator: () => (function* () {})(),
  format: () => new Intl.NumberFormat('en'),
  arguments: () =>
    (function () {
      return arguments;
    })(),
  proxy: () => new Proxy({ in: 'proxy' }, {}),
};

export const leafNames = Object.keys(leaves);
export const baseNames = Object.keys(bases);

/** `descriptor`, whatever descriptors inherit. */
const define = (object, key, descriptor) =>
  Reflect.defineProperty(object, key, Object.assign(Object.create(null), descriptor));

/** Makes a value; its getters count how often any of them has run, and say so. */
export function make(recipe, reads = { count: 0 }) {
  if (recipe.kind === 'leaf') return leaves[recipe.leaf]();
  if (recipe.kind === 'list') {
    const list = recipe.items.map((item) => make(item, reads));
    for (const index of recipe.read.filter((each) => each < list.length))
      define(list, index, { get: () => ++reads.count, enumerable: true, configurable: true });
    return list;
  }
  const value = bases[recipe.base]();
  recipe.fields.forEach(({ key, how, part }, index) => {
    const inner = make(part, reads);
    const next = recipe.fields[index + 1]?.key;
    const read = () => {
      reads.count++;
      if (how === 'throws') throw new Error('a getter');
      if (how === 'deletes the next' && next !== undefined) Reflect.deleteProperty(value, next);
      return typeof inner === 'object' ? inner : reads.count;
    };
    const content = how === 'value' || how === 'hidden' ? { value: inner, writable: true } : { get: read };
    define(value, key, { ...content, enumerable: how !== 'hidden', configurable: true });
  });
  if (recipe.tag === 'own') define(value, Symbol.toStringTag, { value: 'Object' });
  if (recipe.tag === 'getter') define(value, Symbol.toStringTag, { get: () => (reads.count++, 'Object') });
  if (recipe.prototype !== 'its own')
    Reflect.setPrototypeOf(value, recipe.prototype === 'plain' ? Object.prototype : null);
  return value;
}

/** What a structured clone of it is, in words; `undefined` when there is none. */
export function cloneOf(recipe) {
  try {
    return describeValue(structuredClone(make(recipe)));
  } catch {
    return undefined;
  }
}

/** All that can be seen of a value, what is met twice included. */
export function describeValue(value) {
  const met = new Map();
  const describe = (part) => {
    if (Object.is(part, -0)) return '-0';
    if (typeof part !== 'object' || part === null)
      return typeof part === 'string' ? JSON.stringify(part) : `${typeof part} ${String(part)}`;
    if (met.has(part)) return `#${met.get(part)}`;
    met.set(part, met.size);
    const fields = Reflect.ownKeys(part)
      .filter((key) => key !== 'stack' && key !== 'length')
      .map((key) => {
        const own = Object.assign(Object.create(null), Object.getOwnPropertyDescriptor(part, key));
        const how = own.get === undefined ? describe(own.value) : 'getter';
        return `${String(key)}=${how}${own.enumerable ? '' : ' hidden'}${own.writable && own.configurable ? '' : ' fixed'}`;
      });
    return `${kindOf(part)}(${insideOf(part).map(describe).join()}){${fields.join()}}`;
  };
  return describe(value);
}

function kindOf(value) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return 'plain';
  if (prototype === null) return 'none';
  return Object.hasOwn(prototype, 'constructor') ? prototype.constructor.name : 'unknown';
}

function insideOf(value) {
  if (types.isMap(value)) return [...Map.prototype.entries.call(value)].flat();
  if (types.isSet(value)) return [...Set.prototype.values.call(value)];
  if (types.isDate(value)) return [Date.prototype.getTime.call(value)];
  if (types.isAnyArrayBuffer(value)) return [...new Uint8Array(value)];
  if (types.isNumberObject(value)) return [Number.prototype.valueOf.call(value)];
  if (types.isBigIntObject(value)) return [BigInt.prototype.valueOf.call(value)];
  if (types.isRegExp(value)) return [RegExp.prototype.toString.call(value)];
  return Array.isArray(value) ? [value.length] : [];
}
