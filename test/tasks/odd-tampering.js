/** What programs and libraries do to prototypes. A worker preloads it, or a program calls it. */

/** Fields of the package's own messages and options, and keys of values. */
const names =
  'a b hasTimeout repeatedArgs trees beginBefore newTasks failed thrown blank parts shapes nackResultsFrom retransmitCallsFrom nackCallsFrom ' +
  'retransmitResultsTo dying sendsWithoutProgress hasMoved location';
const fields = names.split(' ');

function refuse() {
  throw new Error('a setter of a prototype');
}

const ways = {
  nothing() {},
  frozen() {
    for (const { prototype } of [Object, Array, Function, Error, Map, Promise]) Object.freeze(prototype);
  },
  setters() {
    for (const field of fields)
      Object.defineProperty(Object.prototype, field, {
        __proto__: null,
        get: () => 'of the prototype',
        set: refuse,
        configurable: true,
      });
  },
  keys() {
    for (const field of fields) Object.prototype[field] = ['of the prototype'];
  },
  descriptors() {
    for (const field of ['get', 'set', 'writable', 'enumerable', 'configurable'])
      Object.prototype[field] = () => 'of the prototype';
  },
};

export const wayNames = Object.keys(ways);

export function tamper(way) {
  ways[way]();
}

// The query of the URL says what a worker is to do.
const way = new URL(import.meta.url).searchParams.get('way');
if (way !== null) tamper(way);
