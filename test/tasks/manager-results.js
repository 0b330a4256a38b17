import { defineTasks } from 'leasepool';

function nested(depth) {
  let value = {};
  for (let level = 0; level < depth; level++) value = { value };
  return value;
}

const makers = {
  fine: () => 'fine',
  function: () => () => {},
  symbol: () => Symbol('result'),
  weakMap: () => new WeakMap(),
  promiseInside: () => ({ promise: Promise.resolve(1) }),
  getter: () => ({
    get trap() {
      throw new Error('do not look');
    },
  }),
  proxy: () => new Proxy({}, {}),
  deep: () => nested(200_000),
  transform: () => ({ body: 'text', headers: { accept: '*/*', transform: (value) => value } }),
};

export const { giving, givingNested } = defineTasks(import.meta.url, {
  giving: (what) => makers[what](),
  givingNested: nested,
});
