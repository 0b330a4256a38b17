import { describe, expect, test } from 'vitest';
import { QueueSpaceWaiters } from '../../../src/grinder/queue-space-waiters.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Those who wait, and a queue whose room the test sets. */
function setup(count: number, onWake: () => void = () => {}) {
  const clock = new FakeClock();
  const queue = { hasRoom: false };
  const room = new QueueSpaceWaiters(clock, () => queue.hasRoom);
  const woken: number[] = [];
  const errors: unknown[] = [];
  for (let waiter = 0; waiter < count; waiter++) {
    room.join(
      () => {
        woken.push(waiter);
        onWake();
      },
      (error: unknown) => errors.push(error),
    );
  }
  return { queue, room, woken, errors, settle: () => clock.flush() };
}

describe('S34 those who wait for room', () => {
  test('are woken one for each place, first come, first served', async () => {
    const { room, woken, settle } = setup(5);
    room.placesFreed(1);
    await settle();
    expect(woken).toEqual([0]);
    room.placesFreed(3);
    await settle();
    expect(woken).toEqual([0, 1, 2, 3]);
  });

  test('are not woken for places that were free before they came', async () => {
    const { room, woken, settle } = setup(1);
    room.placesFreed(7);
    room.join(
      () => woken.push(99),
      () => {},
    );
    await settle();
    expect(woken).toEqual([0]);
    room.placesFreed(1);
    expect(woken).toEqual([0, 99]);
  });

  test('are not woken when no place is', async () => {
    const { room, woken, settle } = setup(2);
    room.placesFreed(0);
    await settle();
    expect(woken).toEqual([]);
  });

  test('are woken one after the other while those before them leave the room unused', async () => {
    const { queue, room, woken, settle } = setup(5);
    queue.hasRoom = true;
    room.placesFreed(1);
    expect(room.size).toBe(4);
    await settle();
    expect([woken, room.size]).toEqual([[0, 1, 2, 3, 4], 0]);
  });

  test('sleep on once somebody has taken the last place', async () => {
    const setting = setup(5, () => (setting.queue.hasRoom = setting.woken.length < 3));
    setting.queue.hasRoom = true;
    setting.room.placesFreed(2);
    await setting.settle();
    expect([setting.woken, setting.room.size]).toEqual([[0, 1, 2], 2]);
    setting.room.placesFreed(1);
    await setting.settle();
    expect(setting.woken).toEqual([0, 1, 2, 3]);
  });

  test('are all refused when there will be none, each with an error of its own', async () => {
    const { room, woken, errors, settle } = setup(3);
    room.placesFreed(1);
    room.refuseAll(() => new Error('stopping'));
    room.placesFreed(5);
    await settle();
    expect(woken).toEqual([0]);
    expect(errors).toEqual([expect.objectContaining({ message: 'stopping' }), expect.any(Error)]);
    expect(errors[0]).not.toBe(errors[1]);
  });
});
