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
