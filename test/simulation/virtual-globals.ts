/**
 * To be imported before anything of `src/`. `core/clock.ts` takes the globals once, when it is loaded: here it is
 * loaded with a `performance.now()` and a `process.hrtime()` that read the simulation's time, so that whoever asks the
 * system's clock (a worker's loop, a run limit) asks the simulation as well.
 */

/** What the time is, in milliseconds, for whoever asks now. */
export const reading = { nowMs: 0 };

const { performance } = globalThis;
const { hrtime } = process;

Object.defineProperty(globalThis, 'performance', {
  value: { now: () => reading.nowMs },
  configurable: true,
  writable: true,
});
// Whole milliseconds between the two clocks: what is rounded must not depend on when a process began.
process.hrtime = Object.assign((): [number, number] => [5000, 0], { bigint: hrtime.bigint });
try {
  await import('../../src/core/clock.ts');
} finally {
  Object.defineProperty(globalThis, 'performance', {
    value: performance,
    configurable: true,
    writable: true,
  });
  process.hrtime = hrtime;
}
