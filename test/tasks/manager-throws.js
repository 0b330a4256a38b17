import { deepStrictEqual } from 'node:assert';
import { runInNewContext } from 'node:vm';
import { defineTasks } from 'leasepool';

class PaymentError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'PaymentError';
    this.code = 'E_PAYMENT';
    this.amount = 12n;
    this.details = { items: new Map([['key', [1, 2]]]), when: new Date(0) };
  }
}

class CodeOnPrototype extends Error {
  get code() {
    return 'E_GETTER';
  }
}

const hostile = {
  get trap() {
    throw new Error('do not look');
  },
};

const makers = {
  error: () => new Error('plain'),
  typeError: () => new TypeError('type'),
  rangeError: () => new RangeError('range'),
  syntaxError: () => new SyntaxError('syntax'),
  referenceError: () => new ReferenceError('reference'),
  evalError: () => new EvalError('eval'),
  uriError: () => new URIError('uri'),
  aggregate: () => new AggregateError([new TypeError('first'), 'second', new RangeError('third')], 'several'),
  domException: () => new DOMException('aborted by the job', 'AbortError'),
  payment: () => new PaymentError('declined', { cause: new TypeError('card', { cause: 'expired' }) }),
  codeOnPrototype: () => new CodeOnPrototype('with a code'),
  systemError: () =>
    Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -2, path: '/nowhere' }),
  noMessage: () => new Error(),

  selfCause() {
    const error = new Error('of itself');
    error.cause = error;
    return error;
  },
  deepCause() {
    let error = new Error('cause 0');
    for (let depth = 1; depth < 1000; depth++) error = new Error(`cause ${depth}`, { cause: error });
    return error;
  },
  functionField: () => Object.assign(new Error('carries a function'), { callback() {}, kept: 'kept' }),
  hostileField: () =>
    Object.defineProperties(new Error('carries a trap'), {
      trap: { enumerable: true, ...Object.getOwnPropertyDescriptor(hostile, 'trap') },
      kept: { enumerable: true, value: 'kept' },
    }),
  hostileStack: () =>
    Object.defineProperty(
      new Error('hides its stack'),
      'stack',
      Object.getOwnPropertyDescriptor(hostile, 'trap'),
    ),
  hostileMessage: () =>
    Object.defineProperty(
      new TypeError('hides its message'),
      'message',
      Object.getOwnPropertyDescriptor(hostile, 'trap'),
    ),
  hostileName: () =>
    Object.defineProperty(
      new Error('hides its name'),
      'name',
      Object.getOwnPropertyDescriptor(hostile, 'trap'),
    ),
  growingErrors() {
    const grow = () =>
      Object.defineProperty(new AggregateError([], 'grows'), 'errors', { get: () => [grow(), grow()] });
    return grow();
  },
  endlessErrors: () => Object.assign(new AggregateError([], 'endless'), { errors: new Array(2 ** 32 - 1) }),
  ofAnotherRealm: () => runInNewContext('Object.assign(new RangeError("elsewhere"), { code: "E_REALM" })'),
  hiddenField: () => Object.defineProperty(new Error('invalid'), 'issues', { value: [{ path: ['a'] }] }),
  errorFields() {
    const inner = Object.assign(new TypeError('inner'), { code: 'E_INNER' });
    return Object.assign(new Error('outer'), {
      original: inner,
      errors: [inner],
      map: new Map([[1, inner]]),
    });
  },
  partsOfField: () =>
    Object.assign(new Error('in parts'), {
      response: { status: 500, body: Buffer.from('no'), request: { on() {}, url: new URL('http://a/') } },
    }),
  suppressed() {
    const [closing, reason] = [
      new Error('closing failed'),
      Object.assign(new RangeError('real'), { code: 'E' }),
    ];
    return globalThis.SuppressedError === undefined
      ? Object.assign(new Error('both'), { name: 'SuppressedError', error: closing, suppressed: reason })
      : new SuppressedError(closing, reason, 'both');
  },
  /** What assert.deepEqual() throws. */
  assertion() {
    try {
      deepStrictEqual({ a: 1 }, { a: 2 });
    } catch (error) {
      return error;
    }
    return undefined;
  },
  proxiedError: () => new Proxy(new Error('proxied'), { get: () => hostile.trap }),

  null: () => null,
  undefined: () => undefined,
  zero: () => 0,
  emptyString: () => '',
  false: () => false,
  bigint: () => 42n,
  string: () => 'text',
  object: () => ({ reason: 'an object', nested: [1, new Map([[1, 2]])] }),
  noPrototype: () => Object.assign(Object.create(null), { reason: 'bare' }),
  date: () => new Date(0),

  function: () => () => {},
  symbol: () => Symbol('thrown'),
  promise: () => Promise.resolve(1),
  weakMap: () => new WeakMap(),
  proxy: () =>
    new Proxy(
      {},
      { ownKeys: () => hostile.trap, get: () => hostile.trap, getPrototypeOf: () => hostile.trap },
    ),
  revokedProxy() {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  getter: () => ({
    ...Object.create(hostile),
    get trap() {
      return hostile.trap;
    },
  }),
};

export const { throwing, rejecting } = defineTasks(import.meta.url, {
  throwing(what) {
    throw makers[what]();
  },
  rejecting: async (what) => Promise.reject(makers[what]()),
});
