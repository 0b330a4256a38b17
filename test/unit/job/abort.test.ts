import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { unwatch, watch } from '../../../src/job/abort.ts';

class Cancellable {
  readonly reasons: unknown[] = [];

  cancel(reason: unknown): void {
    this.reasons.push(reason);
  }
}

function setup(count: number) {
  const controller = new AbortController();
  const { signal } = controller;
  const jobs = Array.from({ length: count }, () => new Cancellable());
  for (const job of jobs) watch(signal, job);
  return { controller, signal, jobs, listeners: () => getEventListeners(signal, 'abort').length };
}

describe('S28 a signal', () => {
  test('cancels all its jobs, each once, with its reason', () => {
    const { controller, jobs } = setup(3);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(jobs.map(({ reasons }) => reasons)).toEqual([[reason], [reason], [reason]]);
  });

  test('has one listener, however many jobs it has', () => {
    const { listeners } = setup(1000);
    expect(listeners()).toBe(1);
  });

  test('has one listener each with other signals', () => {
    const [first, second] = [setup(2), setup(2)];
    expect([first.listeners(), second.listeners()]).toEqual([1, 1]);
    first.controller.abort();
    expect(second.jobs[0].reasons).toEqual([]);
  });

  test('S22 has none once its last job is gone, and one again for the next', () => {
    const { signal, jobs, listeners, controller } = setup(2);
    unwatch(signal, jobs[0]);
    expect(listeners()).toBe(1);
    unwatch(signal, jobs[1]);
    expect(listeners()).toBe(0);
    watch(signal, jobs[0]);
    expect(listeners()).toBe(1);
    controller.abort();
    expect([jobs[0].reasons.length, jobs[1].reasons.length]).toEqual([1, 0]);
  });

  test('has none after it has aborted', () => {
    const { controller, listeners } = setup(2);
    controller.abort();
    expect(listeners()).toBe(0);
  });

  test('leaves a job that is gone alone, and one that it never had', () => {
    const { controller, signal, jobs } = setup(2);
    unwatch(signal, jobs[0]);
    unwatch(signal, jobs[0]);
    unwatch(signal, new Cancellable());
    controller.abort();
    expect(jobs.map(({ reasons }) => reasons.length)).toEqual([0, 1]);
  });

  test('may lose jobs while it cancels others', () => {
    const { controller, signal, jobs } = setup(3);
    jobs[0].cancel = () => unwatch(signal, jobs[2]);
    controller.abort();
    expect(jobs[1].reasons).toHaveLength(1);
  });
});

/** An object that looks like a signal, and throws where it is told to. */
function lookalike(overrides: object = {}): AbortSignal {
  const { signal } = new AbortController();
  const own = {
    aborted: false,
    reason: undefined,
    addEventListener: signal.addEventListener.bind(signal),
    removeEventListener: signal.removeEventListener.bind(signal),
  };
  return Object.defineProperties(own, Object.getOwnPropertyDescriptors(overrides)) as unknown as AbortSignal;
}

function refuse(): never {
  throw new Error('refused');
}

describe('S28 an object that looks like a signal', () => {
  test('and cannot add a listener has no job', () => {
    const signal = lookalike({ addEventListener: refuse });
    const job = new Cancellable();
    expect(() => watch(signal, job)).toThrow('refused');
    unwatch(signal, job);
    expect(job.reasons).toEqual([]);
  });

  test('and throws after it has added a listener is asked to remove it', () => {
    const listeners = new Set<unknown>();
    const signal = lookalike({
      addEventListener: (_event: string, listener: unknown) => {
        listeners.add(listener);
        throw new Error('refused');
      },
      removeEventListener: (_event: string, listener: unknown) => listeners.delete(listener),
    });
    expect(() => watch(signal, new Cancellable())).toThrow('refused');
    expect(listeners.size).toBe(0);
  });

  test('and cannot remove a listener, or has no way to, lets its jobs go', () => {
    for (const removeEventListener of [refuse, undefined]) {
      const signal = lookalike({ removeEventListener });
      const job = new Cancellable();
      watch(signal, job);
      expect(() => unwatch(signal, job)).not.toThrow();
    }
  });

  test('and cannot give its reason cancels all its jobs, with that error', () => {
    let abort = (): void => {};
    const signal = lookalike({
      get reason(): unknown {
        return refuse();
      },
      addEventListener: (_event: string, listener: () => void) => (abort = listener),
    });
    const jobs = [new Cancellable(), new Cancellable()];
    for (const job of jobs) watch(signal, job);
    abort();
    for (const { reasons } of jobs) expect(reasons).toEqual([new Error('refused')]);
  });

  test('and aborts while the listener is added cancels its job soon after', async () => {
    let aborted = false;
    const early = lookalike({ addEventListener: (_event: string, listener: () => void) => listener() });
    const silent = lookalike({
      get aborted(): boolean {
        return aborted;
      },
      addEventListener: () => (aborted = true),
    });
    for (const signal of [early, silent]) {
      const job = new Cancellable();
      watch(signal, job);
      expect(job.reasons).toEqual([]);
      await new Promise(setImmediate);
      expect(job.reasons).toEqual([undefined]);
    }
  });
});
