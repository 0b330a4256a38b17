import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type TransferListItem,
  Worker,
} from 'node:worker_threads';
import type { Boot, WorkerFrame } from '../wire/frame.ts';
import { ProgressWords } from '../wire/progress-words.ts';
import { flagsForThread } from './inherited-flags.ts';
import type { PortEvents, Spawn } from './port.ts';

/**
 * A worker thread. It has a message port of its own: `parentPort` is within reach of jobs, which might close it
 * or post to it.
 */
export const spawnThread: Spawn = (options, events) => {
  const { asyncTasks, preload, workerData, workerOptions, logger, name } = options;
  const execArgv = workerOptions?.execArgv === undefined ? flagsForThread() : undefined;
  const progress = new ProgressWords();
  const { port1: port, port2 } = new MessageChannel();
  const boot: Boot = { asyncTasks, preload, workerData };
  const worker = new Worker(new URL('../worker/entry-thread.js', import.meta.url), {
    ...(execArgv === undefined ? {} : { execArgv }),
    ...workerOptions,
    name,
    workerData: { port: port2, boot, memory: progress.memory },
    transferList: [port2],
  });
  worker.on('error', (error) => events.failed(error));
  worker.on('exit', (exitCode) => {
    // Whatever the thread sent has been queued by now; take it in before the verdict on the rest.
    while (takeIn(port, events));
    port.close();
    events.exit(exitCode, undefined);
  });
  port.on('message', (frame: WorkerFrame) => events.frame(frame));
  port.on('messageerror', (error) => events.unreadable(error));
  port.unref(); // After the listeners: adding one refs it again.
  if (workerOptions?.stdout === true)
    worker.stdout.on('data', (text: Buffer) => logger.info(String(text), { worker: name, stream: 'stdout' }));
  if (workerOptions?.stderr === true)
    worker.stderr.on('data', (text: Buffer) => logger.warn(String(text), { worker: name, stream: 'stderr' }));

  return {
    progress,
    post: (frame, transfer) => port.postMessage(frame, transfer as readonly TransferListItem[]),
    keepAlive: (on) => (on ? worker.ref() : worker.unref()),
    kill: () => void worker.terminate(),
  };
};

/** @returns `false` when there was nothing */
function takeIn(port: MessagePort, events: PortEvents): boolean {
  let received: { message: WorkerFrame } | undefined;
  try {
    received = receiveMessageOnPort(port) as { message: WorkerFrame } | undefined;
  } catch (error) {
    events.unreadable(error);
    return true;
  }
  if (received !== undefined) events.frame(received.message);
  return received !== undefined;
}
