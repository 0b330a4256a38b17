import { NotCloneableError } from 'leasepool';
import { describe, expect, test, vi } from 'vitest';
import { rejection } from '../support/manager-start.ts';
import { threadGrinder } from '../support/grinder.ts';
import { tasks } from '../tasks/surroundings-tasks.js';

const fakes = [
  ...(['Date', 'performance', 'queueMicrotask'] as const),
  ...(['setTimeout', 'clearTimeout', 'setInterval', 'setImmediate'] as const),
];

/** Whatever a job, or the program, puts in the place of globals: the package has its own. */
describe.each(['thread', 'process'] as const)('backend %s', (backend) => {
  // Without what vitest loads into each of its processes, which reads globals.
  const manager = { backend, workerOptions: { execArgv: [] } };
  const setup = () => threadGrinder({ manager, dispatch: 'natural' });

  test('S39 a worker without any one of its globals works on', { timeout: 120_000 }, async () => {
    const { grinder } = await setup();
    const value = {
      list: [1n, new Date(5)],
      map: new Map([[1, new Uint8Array(4)]]),
      error: new Error('in it'),
    };
    const names = await grinder.submit(tasks.globalNames);
    expect(names.length).toBeGreaterThan(60);
    for (const name of names) {
      const memory = new ArrayBuffer(8);
      await grinder.submit(tasks.take, [name]);
      const seen = await Promise.all([
        grinder.submit(tasks.echo, [value]),
        grinder.submit(tasks.echoLater, [value]),
        grinder.submit(tasks.echo, [memory], { transfer: [memory], timeoutSeconds: 60 }),
        grinder.submit(tasks.print),
        rejection(grinder.submit(tasks.fail)),
        rejection(grinder.submit(tasks.failPlainly)),
        rejection(grinder.submit(tasks.uncloneable)),
        ...Array.from({ length: 20 }, (_, index) => grinder.submit(tasks.echo, [[index]])),
      ]).catch((error: unknown) => expect.fail(`without ${name}: ${String(error)}`));
      await grinder.submit(tasks.putBack, [name]);
      expect(seen, `without ${name}`).toEqual([
        value,
        value,
        new ArrayBuffer(8),
        undefined,
        expect.any(TypeError),
        'plain',
        expect.any(NotCloneableError),
        ...Array.from({ length: 20 }, (_, index) => [index]),
      ]);
    }
  });

  test('S39 M9 a job settles whatever it does to its output, and so does the next', async () => {
    const { grinder, manager } = await setup();
    for (const way of await grinder.submit(tasks.ways)) {
      expect(await grinder.submit(tasks.tamper, [way], { timeoutSeconds: 20 })).toBe(way);
      expect(await grinder.submit(tasks.echo, [way], { timeoutSeconds: 20 })).toBe(way);
      await grinder.stop();
      await manager.stop();
      await manager.start();
      await grinder.start();
    }
  });

  test('S39 fake timers and a fake clock do not stop a grinder that was loaded before them', async () => {
    const { grinder, manager } = await setup();
    const { now } = performance;
    vi.useFakeTimers({ toFake: fakes });
    performance.now = () => 0;
    try {
      expect(await grinder.submit(tasks.echo, [1])).toBe(1);
      expect(await grinder.submit(tasks.echoLater, [2], { timeoutSeconds: 60 })).toBe(2);
      await grinder.stop();
      await manager.stop();
    } finally {
      vi.useRealTimers();
      performance.now = now;
    }
  });
});
