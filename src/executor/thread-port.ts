import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
  type WorkerOptions,
} from 'node:worker_threads';
import { withoutPrototype } from '../core/without-prototype.ts';
import type { HostFrame, WorkerFrame } from '../wire/frame.ts';
import { encodeErrors } from '../wire/error-codec.ts';
import { postFrame, received, initToPost } from '../wire/post.ts';
import { ProgressWords } from '../wire/progress-words.ts';
import { threadMark } from '../task/worker-state.ts';
import type { WorkerSettings } from './executor.ts';
import { settingsForThread } from './inherited-flags.ts';
import type { PortEvents, Spawn } from './port.ts';
import { Atomics, Int32Array, SharedArrayBuffer, String, URL } from '../core/globals.ts';
import { childrenOf } from '../core/os-thread.ts';
import { killChildren } from './kill-children.ts';

/**
 * A worker thread. It has a message port of its own: `parentPort` is within reach of jobs, which might close it
 * or post to it.
 */
export const spawnThread: Spawn = (options, events) => {
  const { asyncTasks, preload, workerData, workerOptions, logger, name } = options;
  const progress = new ProgressWords();
  const { port1: port, port2 } = new MessageChannel();
  const boot = initToPost({ asyncTasks, preload, workerData: encodeErrors([workerData]) });
  const threadNumber = new Int32Array(new SharedArrayBuffer(4));
  const data = { port: port2, boot, memory: progress.memory, threadNumber, ...threadMark };
  const worker = startWorker(name, data, port2, workerOptions);
  worker.on('error', (error) => events.failed(error));
  worker.on('exit', (exitCode) => {
    // Whatever the thread sent has been queued by now; take it in before the verdict on the rest.
    while (takeIn(port, events));
    port.close();
    events.exit(exitCode, undefined);
  });
  const kill = (): void => void worker.terminate();
  port.on('message', (frame: WorkerFrame) => events.frame(received(frame)));
  port.on('messageerror', (error) => events.unreadable(error));
  port.unref(); // After the listeners: adding one refs it again.
  if (workerOptions?.stdout === true)
    worker.stdout.on('data', (text: Buffer) => logger.info(String(text), { worker: name, stream: 'stdout' }));
  if (workerOptions?.stderr === true)
    worker.stderr.on('data', (text: Buffer) => logger.warn(String(text), { worker: name, stream: 'stderr' }));

  return {
    progress,
    post: (frame, transfer) => postFrame(port, frame, transfer),
    keepAlive: (on) => (on ? worker.ref() : worker.unref()),
    end: () => port.postMessage({ end: true } satisfies HostFrame),
    kill: () => {
      const thread = Atomics.load(threadNumber, 0);
      if (childrenOf(thread).length === 0) return kill();
      void killChildren(thread, () => worker.performance.eventLoopUtilization().idle).then(kill);
    },
  };
};

/** @throws when the options cannot work, or there is no room for another thread; the ports are closed then */
function startWorker(
  name: string,
  workerData: object,
  port: MessagePort,
  options: WorkerSettings | undefined,
): Worker {
  const settings: WorkerOptions = {
    ...options,
    ...settingsForThread(options),
    resourceLimits: withoutPrototype({ ...options?.resourceLimits }),
    name,
    workerData,
    transferList: [port],
  };
  try {
    return new Worker(new URL('../worker/entry-thread.js', import.meta.url), withoutPrototype(settings));
  } catch (error) {
    port.close();
    throw error;
  }
}

/** @returns `false` when there was nothing */
function takeIn(port: MessagePort, events: PortEvents): boolean {
  let next: { message: WorkerFrame } | undefined;
  try {
    next = receiveMessageOnPort(port) as { message: WorkerFrame } | undefined;
  } catch (error) {
    events.unreadable(error);
    return true;
  }
  if (next !== undefined) events.frame(received(next.message));
  return next !== undefined;
}
