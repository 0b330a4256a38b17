import { defineTasks } from 'leasepool';

// Jobs keep what they need; the package has to do so by itself.
const scope = globalThis;
const { process } = scope;
const { defineProperty, getOwnPropertyDescriptor } = Object;
let saved;

const print = () => {
  process.stdout.write('.');
  process.stderr.write('.');
};

/** What a job may do to the output of its worker, once it has printed. */
const tampering = {
  'replaces write() by a function that calls nobody back': (stream) => (stream.write = () => true),
  'replaces write() by a function that throws': (stream) => (stream.write = refuse),
  'takes what is written for itself': (stream) => (stream._write = () => {}),
  'ends it': (stream) => stream.end(),
  'destroys it': (stream) => stream.destroy(),
  'corks it': (stream) => stream.cork(),
  'puts another stream in its place': (_stream, name) =>
    Object.defineProperty(process, name, { value: {}, configurable: true }),
  'puts nothing in its place': (_stream, name) =>
    Object.defineProperty(process, name, { value: undefined, configurable: true }),
};

function refuse() {
  throw new Error('no output');
}

export const tasks = defineTasks(import.meta.url, {
  /** Of those that can be replaced. */
  globalNames: () =>
    Object.entries(Object.getOwnPropertyDescriptors(globalThis))
      .filter(([, { configurable }]) => configurable)
      .map(([name]) => name),

  /** Takes a global away until it is put back. */
  take(name) {
    saved = getOwnPropertyDescriptor(scope, name);
    defineProperty(scope, name, { value: undefined, configurable: true });
  },

  putBack: (name) => void defineProperty(scope, name, saved),

  echo: (value) => value,
  echoLater: async (value) => value,
  fail: () => null.property,
  failPlainly() {
    throw 'plain';
  },
  uncloneable: () => ({ method() {} }),
  print,

  tamper(way) {
    print();
    for (const name of ['stdout', 'stderr']) tampering[way](process[name], name);
    return way;
  },
  ways: () => Object.keys(tampering),
});
