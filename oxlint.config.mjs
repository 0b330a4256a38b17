import { defineConfig } from 'oxlint';
import { allRooms, integrations, mayEnter, roomOf } from './scripts/rooms.mjs';

// Time and chance come through the clock seam, so that the same code runs under a simulator.
const clock = 'src/core/clock.ts';

// Modules that src/ must not import, each with the only files that may.
const guardedModules = {
  timers: [clock],
  'timers/promises': [clock],
  perf_hooks: [clock],
  worker_threads: [
    'src/executor/thread-port.ts',
    'src/executor/inline-port.ts',
    'src/worker/entry-thread.ts',
    'src/worker/exit-with-parent.ts',
    'src/threads/**',
    // Where other threads come in.
    'src/grinder/thread-server.ts',
    // markAsUncloneable.
    'src/core/uncloneable.ts',
    // SHARE_ENV.
    'src/lease/manager-options.ts',
    'src/task/worker-state.ts',
  ],
  child_process: ['src/executor/process-port.ts'],
};

const clockGlobals = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
];

// The globals that the core uses, each with the file that takes them at load. A job or a test may replace them later.
const globals = 'src/core/globals.ts';
const takenAtLoad = `
  AbortController AbortSignal AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array
  BigUint64Array Boolean BroadcastChannel Buffer DOMException DataView Error Event EventTarget
  FinalizationRegistry Float32Array Float64Array Function Int16Array Int32Array Int8Array JSON Map
  Math MessageChannel Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set
  SharedArrayBuffer String SyntaxError TextDecoder TextEncoder TypeError URL Uint16Array Uint32Array
  Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet console crypto process queueMicrotask
  structuredClone
`
  .trim()
  .split(/\s+/);

function restrictGlobals(taken) {
  return [
    'error',
    {
      globals: [
        ...clockGlobals.map((name) => ({ name, message: `Only ${clock} may use it.` })),
        ...taken.map((name) => ({ name, message: `Import it from ${globals}.` })),
      ],
      checkGlobalObject: true,
    },
  ];
}

function importRules(room, guarded) {
  const upward = allRooms.filter((other) => !mayEnter(room, other));
  return {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...upward.map((other) => ({
            regex: `^(\\.\\./)+${other.replace('.', '\\.')}(/|$)`,
            message: `${room} must not import ${other}: see scripts/rooms.mjs.`,
          })),
          ...guarded.map((name) => ({
            regex: `^(node:)?${name}$`,
            allowTypeImports: true,
            message: `Only ${guardedModules[name].join(', ')} may import node:${name}.`,
          })),
        ],
      },
    ],
  };
}

const filesOf = (room) => (room.endsWith('.ts') ? `src/${room}` : `src/${room}/**`);

const allGuarded = Object.keys(guardedModules);

// A later override replaces the rule of an earlier one, so files with an exception get their room's rule again, less the exception.
const layering = [
  ...allRooms.map((room) => ({
    files: [filesOf(room)],
    rules: importRules(room, allGuarded),
  })),
  ...[...new Set(Object.values(guardedModules).flat())].map((files) => ({
    files: [files],
    rules: importRules(
      roomOf(files),
      allGuarded.filter((name) => !guardedModules[name].includes(files)),
    ),
  })),
];

export default defineConfig({
  plugins: ['typescript', 'import', 'unicorn', 'oxc', 'promise', 'node'],
  categories: { correctness: 'error' },
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  ignorePatterns: ['dist', 'build', 'coverage', 'reports', 'test/consumers/programs'],
  rules: {
    eqeqeq: ['error', 'always', { null: 'ignore' }],
    // Source-text tasks are compiled by indirect eval, in the global scope.
    'no-eval': ['error', { allowIndirect: true }],
    'no-var': 'error',
    'prefer-const': 'error',
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'typescript/await-thenable': 'error',
    // `typeof import('./tasks.js')` is how a task module is typed without loading it.
    'typescript/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'unicorn/prefer-node-protocol': 'error',
    // Tasks are functions without a `this`, written as methods of a table and taken out of it.
    'typescript/unbound-method': 'off',
    // A future is a thenable on purpose, and preallocated arrays are rings and heaps.
    'unicorn/no-thenable': 'off',
    'unicorn/no-new-array': 'off',
  },
  overrides: [
    {
      files: ['src/**'],
      rules: {
        complexity: ['error', 15],
        'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
        'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
        'no-console': 'error',
        'unicorn/filename-case': ['error', { case: 'kebabCase' }],
        'no-restricted-globals': restrictGlobals([]),
        'no-restricted-properties': [
          'error',
          { object: 'Math', property: 'random', message: `Only ${clock} may use it.` },
          { object: 'process', property: 'hrtime', message: `Only ${clock} may use it.` },
        ],
      },
    },
    {
      files: allRooms.filter((room) => !integrations.includes(room)).map(filesOf),
      rules: { 'no-restricted-globals': restrictGlobals(takenAtLoad) },
    },
    {
      files: [globals],
      rules: { 'no-restricted-globals': 'off' },
    },
    {
      files: [clock],
      rules: {
        'no-restricted-globals': 'off',
        'no-restricted-properties': 'off',
        'typescript/unbound-method': 'off',
      },
    },
    ...layering,
  ],
});
