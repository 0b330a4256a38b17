import { describe, expect, test } from 'vitest';
import { Room } from '../../../src/grinder/room.ts';

function setup(count: number) {
  const room = new Room();
  const woken: number[] = [];
  const errors: unknown[] = [];
  for (let waiter = 0; waiter < count; waiter++) {
    room.wait().then(
      () => woken.push(waiter),
      (error: unknown) => errors.push(error),
    );
  }
  const settle = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { room, woken, errors, settle };
}

describe('S34 those who wait for room', () => {
  test('are woken one for each place, first come, first served', async () => {
    const { room, woken, settle } = setup(5);
    room.freed(1);
    await settle();
    expect(woken).toEqual([0]);
    room.freed(3);
    await settle();
    expect(woken).toEqual([0, 1, 2, 3]);
  });

  test('are not woken for places that were free before they came', async () => {
    const { room, woken, settle } = setup(1);
    room.freed(7);
    const late = room.wait().then(() => woken.push(99));
    await settle();
    expect(woken).toEqual([0]);
    room.freed(1);
    await late;
    expect(woken).toEqual([0, 99]);
  });

  test('are not woken when no place is', async () => {
    const { room, woken, settle } = setup(2);
    room.freed(0);
    await settle();
    expect(woken).toEqual([]);
  });

  test('are all refused when there will be none, each with an error of its own', async () => {
    const { room, woken, errors, settle } = setup(3);
    room.freed(1);
    room.refuseAll(() => new Error('stopping'));
    room.freed(5);
    await settle();
    expect(woken).toEqual([0]);
    expect(errors).toEqual([expect.objectContaining({ message: 'stopping' }), expect.any(Error)]);
    expect(errors[0]).not.toBe(errors[1]);
  });
});
