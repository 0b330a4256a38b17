import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { TimerQueue } from '../../../src/core/timer-queue.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { QueueTimeouts } from '../../../src/job/queue-timeout.ts';
import { type AcquireOptions, readAcquireOptions } from '../../../src/lease/acquire-options.ts';
import { Acquisition } from '../../../src/lease/acquisition.ts';
import { ExecutorLease } from '../../../src/lease/executor-lease.ts';
import type { LeaseRequest, LeaseSource } from '../../../src/lease/lease-broker.ts';
import { Lease } from '../../../src/lease/lease.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeExecutor } from '../../support/fake-executor.ts';

/** Lends when it may, and keeps those who wait. */
class FakeLender implements LeaseSource {
  canLend = false;
  refusal: Error | undefined;
  readonly waiting = new Set<LeaseRequest>();
  ended = 0;

  hasIdlePool(): boolean {
    return this.canLend;
  }

  acquire(request: LeaseRequest): () => void {
    if (this.refusal !== undefined) request.refused(this.refusal);
    else if (this.canLend) request.granted(this.lend(request));
    else this.waiting.add(request);
    return () => this.waiting.delete(request);
  }

  lendable(limit: number): number {
    return this.canLend ? limit : 0;
  }

  wantsMore(): void {}

  /** Serves who waits, as a broker does: out of the line first. */
  serve(): void {
    const [request] = this.waiting;
    this.waiting.delete(request);
    request.granted(this.lend(request));
  }

  lend({ leaseMs, owner }: LeaseRequest): Lease {
    const terms = {
      id: 'pool-1-lease-1',
      owner,
      leaseMs,
      graceMs: 0,
      leasedAtMs: 0,
      softExpiresAtMs: 1e9,
      hardExpiresAtMs: 1e9,
    };
    return new Lease(terms, new FakeExecutor(), { leaseEnded: () => void this.ended++ });
  }
}

function setup() {
  const clock = new FakeClock();
  const timers = new TimerQueue(clock);
  const broker = new FakeLender();
  const queueTimeouts = new QueueTimeouts(clock, timers);
  const tools = { clock, timers, broker, logger: silentLogger, queueTimeouts };
  const acquire = (options: AcquireOptions = {}) => {
    const watch = { lease: undefined as ExecutorLease | undefined, error: undefined as any, answers: 0 };
    new Acquisition(
      readAcquireOptions(options, 300_000),
      tools,
      (lease) => {
        watch.lease = lease;
        watch.answers++;
      },
      (error) => {
        watch.error = error;
        watch.answers++;
      },
    ).begin();
    return watch;
  };
  return { clock, timers, broker, acquire };
}

/** An acquisition that waits, with a signal. */
function waiting(options: AcquireOptions = {}) {
  const setting = setup();
  const controller = new AbortController();
  const watch = setting.acquire({ signal: controller.signal, timeoutSeconds: 10, ...options });
  return {
    ...setting,
    controller,
    watch,
    listeners: () => getEventListeners(controller.signal, 'abort').length,
  };
}

describe('M2 acquire()', () => {
  test('gives a lease at once while a pool may be had', () => {
    const { broker, acquire, timers } = setup();
    broker.canLend = true;
    const { lease, answers } = acquire({ owner: 'me', leaseSeconds: 7, wait: false, timeoutSeconds: 0 });
    expect(lease).toBeInstanceOf(ExecutorLease);
    expect([lease?.owner, lease?.leaseSeconds, lease?.active, answers]).toEqual(['me', 7, true, 1]);
    void lease?.release();
    expect(timers.size).toBe(0);
  });

  test('takes the length of the lease from the manager when it names none', () => {
    const { broker, acquire } = setup();
    broker.canLend = true;
    expect(acquire().lease?.leaseSeconds).toBe(300);
  });

  test('waits until it is served, and leaves nothing behind then', async () => {
    const { clock, timers, broker, watch, listeners, controller } = waiting();
    expect([watch.answers, broker.waiting.size, listeners(), timers.size]).toEqual([0, 1, 1, 1]);
    broker.serve();
    expect(watch.lease?.active).toBe(true);
    expect(listeners()).toBe(0);
    controller.abort();
    await clock.advance(60_000);
    expect(timers.size).toBe(0);
    expect([watch.answers, watch.lease?.active, broker.ended]).toEqual([1, true, 0]);
  });

  test('fails after timeoutSeconds, and has left the line', async () => {
    const { clock, broker, watch, listeners } = waiting();
    await clock.advance(9_999);
    expect(watch.answers).toBe(0);
    await clock.advance(1);
    expect(watch.error).toMatchObject({
      name: 'TimeoutError',
      phase: 'acquire',
      message: 'no pool was free within 10 s',
    });
    expect([broker.waiting.size, listeners(), watch.answers]).toEqual([0, 0, 1]);
  });

  test('with timeoutSeconds 0 tries once', () => {
    const { broker, acquire, clock } = setup();
    expect(acquire({ timeoutSeconds: 0 }).error).toMatchObject({ name: 'TimeoutError', phase: 'acquire' });
    expect([broker.waiting.size, clock.timers]).toEqual([0, 0]);
  });

  test('with wait: false fails when every pool is leased', () => {
    const { broker, acquire } = setup();
    expect(acquire({ wait: false }).error).toMatchObject({ code: 'ERR_LEASEPOOL_LEASE_UNAVAILABLE' });
    expect(broker.waiting.size).toBe(0);
  });

  test('is cancelled by its signal, and has left the line', () => {
    const { clock, broker, watch, controller, listeners } = waiting();
    const reason = new Error('enough');
    controller.abort(reason);
    expect(watch.error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason });
    expect([broker.waiting.size, listeners(), clock.timers, watch.answers]).toEqual([0, 0, 0, 1]);
  });

  test('with a signal that has aborted asks for nothing', () => {
    const { broker, acquire } = setup();
    broker.canLend = true;
    const watch = acquire({ signal: AbortSignal.abort('before') });
    expect(watch.error).toMatchObject({ name: 'AbortError', cause: 'before' });
    expect([watch.lease, watch.answers]).toEqual([undefined, 1]);
  });

  test('S28 of many on one signal adds one listener', () => {
    const { acquire } = setup();
    const { signal } = new AbortController();
    for (let i = 0; i < 50; i++) acquire({ signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });

  test('S28 with a signal that throws never stands in line', () => {
    const { broker, acquire, timers } = setup();
    const { signal } = new AbortController();
    signal.addEventListener = () => {
      throw new Error('no listeners here');
    };
    for (const canLend of [false, true]) {
      broker.canLend = canLend;
      expect(() => acquire({ signal, timeoutSeconds: 10 })).toThrow('no listeners here');
      expect([broker.waiting.size, timers.size]).toEqual([0, 0]);
    }
  });

  test('M6 is refused with what the broker says, before or while it waits', () => {
    const { broker, acquire, watch, listeners } = { ...waiting() };
    const [request] = broker.waiting;
    const error = new Error('no pool comes up');
    request.refused(error);
    expect([watch.error, listeners()]).toEqual([error, 0]);
    broker.refusal = error;
    expect(acquire().error).toBe(error);
  });

  test('S25 of more than 2^31 ms does not time out at once', async () => {
    const { clock, watch } = waiting({ timeoutSeconds: 1e9 });
    await clock.advance(2 ** 31);
    expect(watch.answers).toBe(0);
  });
});
