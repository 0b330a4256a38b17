import { defineTasks, move } from 'leasepool';

function nested(depth) {
  let value = {};
  for (let level = 0; level < depth; level++) value = { value };
  return value;
}

const failing = (message) => Object.assign(new RangeError(message), { code: 'E_FAILING', line: 3 });

class Report {
  error = failing('in a class');
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
  errors: () => ({
    list: [failing('in a list')],
    map: new Map([['key', failing('in a map')]]),
    set: new Set([failing('in a set')]),
    report: new Report(),
  }),
  settled: () => Promise.allSettled([Promise.reject(failing('rejected')), Promise.resolve(1)]),
  bareError: () => failing('bare'),
  errorOfItsValue() {
    const value = { config: { retries: 3 } };
    value.error = Object.assign(failing('of its value'), { value, config: value.config, retry() {} });
    return value;
  },
  movedWithError() {
    const bytes = new Uint8Array(1000).fill(7);
    return move({ bytes, problems: [failing('moved')] }, [bytes.buffer]);
  },
  cyclic() {
    const root = new Report();
    root.first = { back: root };
    root.parts = [
      {
        root,
        callback() {
          return root;
        },
      },
    ];
    return root;
  },
  transform: () => ({ body: 'text', headers: { accept: '*/*', transform: (value) => value } }),
};

export const { giving, givingNested } = defineTasks(import.meta.url, {
  giving: (what) => makers[what](),
  givingNested: nested,
});
