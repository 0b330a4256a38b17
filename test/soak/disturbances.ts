/** What is done to the pools of a soak from outside while their jobs run. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Backend, Disturbance, Random } from './plan.ts';
import type { Weather } from './verdict.ts';

/** What a disturbance can reach. */
export interface Field {
  readonly backend: Backend;
  readonly random: Random;
  readonly weather: Weather;
  /** Thread ids or process ids. */
  lastWorkers(): readonly number[];
  restartGrinder(cancelPending: boolean): Promise<void>;
  /** In seconds, as in `stop()`. */
  restartManager(timeoutSeconds: number): Promise<void>;
  stopWhileStarting(): Promise<void>;
  abortSignal(): void;
  resize(units: number): void;
  borrowLease(): Promise<void>;
  forgetLease(): Promise<void>;
}

/** The threads there are, by id. */
const threads = new Map<number, Worker>();
process.on('worker', (worker: Worker) => {
  const { threadId } = worker;
  threads.set(threadId, worker);
  worker.once('exit', () => threads.delete(threadId));
});

const anyOf = <Item>(items: readonly Item[], random: Random): Item | undefined =>
  items[Math.floor(random() * items.length)];

function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // It has ended meanwhile.
  }
}

const disturbances: Record<Disturbance, (field: Field) => void | Promise<unknown>> = {
  'ends a worker': ({ backend, random, weather, lastWorkers }) => {
    // One that works: whoever kills workers that start, again and again, breaks their pool.
    const worker = anyOf(lastWorkers(), random);
    if (worker === undefined) return undefined;
    weather.kills++;
    if (backend === 'process') return void signalProcess(worker, 'SIGKILL');
    return threads.get(worker)?.terminate();
  },
  'pauses a worker': async ({ random, lastWorkers }) => {
    const worker = anyOf(lastWorkers(), random);
    if (worker === undefined || !signalProcess(worker, 'SIGSTOP')) return;
    await delay(50 + random() * 450);
    signalProcess(worker, 'SIGCONT');
  },
  'blocks the main thread': ({ random }) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50 + random() * 250);
  },
  'aborts a signal': (field) => field.abortSignal(),
  resizes: (field) => field.resize(Math.floor(field.random() * 3)),
  'borrows a lease': (field) => field.borrowLease(),
  'forgets a lease': (field) => field.forgetLease(),
  'restarts the grinder, draining': async (field) => {
    field.weather.grinderStops++;
    await field.restartGrinder(false);
  },
  'restarts the grinder, cancelling': async (field) => {
    field.weather.grinderStops++;
    field.weather.cancellingStops++;
    await field.restartGrinder(true);
  },
  'restarts the manager': async (field) => {
    field.weather.managerStops++;
    await field.restartManager(5);
  },
  'restarts the manager, at once': async (field) => {
    field.weather.managerStops++;
    await field.restartManager(0);
  },
  'stops the manager while it starts': async (field) => {
    field.weather.managerStops++;
    await field.stopWhileStarting();
  },
};

export async function disturb(disturbance: Disturbance, field: Field): Promise<void> {
  await disturbances[disturbance](field);
}
