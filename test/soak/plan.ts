/** What a soak does, drawn from a seed: the choices repeat, their timing does not. */

export type Backend = 'thread' | 'process';

/** In [0, 1). */
export type Random = () => number;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often each kind of job is drawn, relative to the others. */
const jobWeights = {
  // These do no harm.
  computes: 800,
  awaits: 60,
  moves: 30,
  carries: 4,
  'blocks natively': 0.5,
  'is cancelled': 30,
  'is aborted': 30,
  'may be too late': 20,
  // These fail, alone.
  throws: 30,
  'throws a value': 10,
  'cannot be sent': 10,
  'cannot be returned': 10,
  'is too deep to send': 2,
  'is too deep to return': 2,
  // These end their worker.
  exits: 1,
  'throws uncaught': 1,
  'rejects unhandled': 1,
  'throws late': 1,
  'runs out of memory': 0.2,
  'loops past its limit': 1,
  'overstays its lease': 0.01,
  'kills itself': 1,
};

export type JobKind = keyof typeof jobWeights;

const disturbanceWeights = {
  'ends a worker': 40,
  'pauses a worker': 20,
  'blocks the main thread': 15,
  'aborts a signal': 40,
  resizes: 30,
  'borrows a lease': 30,
  'forgets a lease': 0.5,
  'restarts the grinder, draining': 3,
  'restarts the grinder, cancelling': 3,
  'restarts the manager': 2,
  'restarts the manager, at once': 2,
  'stops the manager while it starts': 1,
};

export type Disturbance = keyof typeof disturbanceWeights;

/** What a thread cannot do, since it would be done to its process. */
const forProcesses: ReadonlySet<string> = new Set(['kills itself', 'pauses a worker']);

function draw<Name extends string>(weights: Record<Name, number>, backend: Backend, random: Random): Name {
  const names = (Object.keys(weights) as Name[]).filter(
    (name) => backend === 'process' || !forProcesses.has(name),
  );
  let rest = random() * names.reduce((sum, name) => sum + weights[name], 0);
  return names.find((name) => (rest -= weights[name]) < 0) ?? names[0];
}

export const drawJob = (backend: Backend, random: Random): JobKind => draw(jobWeights, backend, random);

export const drawDisturbance = (backend: Backend, random: Random): Disturbance =>
  draw(disturbanceWeights, backend, random);

export const allJobKinds = Object.keys(jobWeights) as JobKind[];
export const allDisturbances = Object.keys(disturbanceWeights) as Disturbance[];
