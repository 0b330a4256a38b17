import { afterEach, describe, expect, test, vi } from 'vitest';
import type * as ClockModule from '../../../src/core/clock.ts';

/** What `setTimeout` was asked for. */
interface Asked {
  readonly callback: () => void;
  readonly delayMs: number;
  isRef: boolean;
  isCleared: boolean;
}

/** The module as it is when it has been loaded with a `setTimeout` that the test fires. */
async function setup() {
  const asked: Asked[] = [];
  const setTimeout = (callback: () => void, delayMs: number): unknown => {
    const timeout: Asked & { ref(): void; unref(): void } = {
      callback,
      delayMs,
      isRef: true,
      isCleared: false,
      ref: () => void (timeout.isRef = true),
      unref: () => void (timeout.isRef = false),
    };
    asked.push(timeout);
    return timeout;
  };
  const clearTimeout = (timeout: Asked): void => void (timeout.isCleared = true);
  vi.resetModules();
  vi.doMock('node:timers', () => ({ setImmediate, setTimeout, clearTimeout }));
  const module: typeof ClockModule = await import('../../../src/core/clock.ts');
  vi.doUnmock('node:timers');
  return { ...module, asked };
}

/** The longest delay `setTimeout` takes; a longer one becomes 1 ms. */
const longest = 2 ** 31 - 1;

afterEach(() => vi.unstubAllGlobals());

describe('timers of the system clock', () => {
  test('a short one fires once, after its delay', async () => {
    const { systemClock, asked } = await setup();
    let fired = 0;
    systemClock.setTimer(() => fired++, 250);
    expect(asked.map(({ delayMs }) => delayMs)).toEqual([250]);
    asked[0].callback();
    expect(fired).toBe(1);
    expect(asked).toHaveLength(1);
  });

  test('S25 one above 2^31 ms is waited for in pieces, and fires after all of them', async () => {
    const { systemClock, asked } = await setup();
    let fired = 0;
    systemClock.setTimer(() => fired++, 2 * longest + 5);
    for (let piece = 0; piece < 2; piece++) {
      asked[piece].callback();
      expect(fired).toBe(0);
    }
    asked[2].callback();
    expect(fired).toBe(1);
    expect(asked.map(({ delayMs }) => delayMs)).toEqual([longest, longest, 5]);
  });

  test('one of exactly 2^31 - 1 ms is a single piece', async () => {
    const { systemClock, asked } = await setup();
    let fired = 0;
    systemClock.setTimer(() => fired++, longest);
    asked[0].callback();
    expect(fired).toBe(1);
  });

  test('N5 a long one stays unreferenced in its later pieces, and can be referenced again', async () => {
    const { systemClock, asked } = await setup();
    const timer = systemClock.setTimer(() => {}, 3 * longest);
    timer.unref();
    asked[0].callback();
    expect(asked.map(({ isRef }) => isRef)).toEqual([false, false]);
    timer.ref();
    expect(asked[1].isRef).toBe(true);
    asked[1].callback();
    expect(asked[2].isRef).toBe(true);
  });

  test('a long one is cancelled in whatever piece it is', async () => {
    const { systemClock, asked } = await setup();
    const timer = systemClock.setTimer(() => {}, 2 * longest);
    asked[0].callback();
    timer.cancel();
    expect(asked[1].isCleared).toBe(true);
  });

  test('a job that replaces setTimeout does not change it', async () => {
    const { systemClock, asked } = await setup();
    const replaced = vi.fn();
    vi.stubGlobal('setTimeout', replaced);
    systemClock.setTimer(() => {}, 10);
    expect(replaced).not.toHaveBeenCalled();
    expect(asked).toHaveLength(1);
  });
});

describe('moments of the system clock', () => {
  test('soon comes after the microtasks there are and those they queue, and before afterInput', async () => {
    const { systemClock } = await setup();
    const order: string[] = [];
    const done = new Promise<void>((resolve) =>
      systemClock.afterPoll(() => {
        order.push('after input');
        resolve();
      }),
    );
    systemClock.defer(() => order.push('soon'));
    queueMicrotask(() => {
      order.push('microtask');
      queueMicrotask(() => order.push('microtask of a microtask'));
    });
    order.push('this turn');
    await done;
    expect(order).toEqual(['this turn', 'microtask', 'microtask of a microtask', 'soon', 'after input']);
  });

  test('the shared clock is that of process.hrtime()', async () => {
    const { sharedNow, sharedOffsetMs } = await setup();
    const hrtimeMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;
    const before = hrtimeMs();
    const shared = sharedNow();
    const after = hrtimeMs();
    expect(shared).toBeGreaterThan(before - 50);
    expect(shared).toBeLessThan(after + 50);
    expect(Math.abs(performance.now() + sharedOffsetMs - hrtimeMs())).toBeLessThan(50);
  });
});
