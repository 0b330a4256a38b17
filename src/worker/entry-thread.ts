/** Runs in a worker thread: binds its port to the server. Reached by URL. */

import { type MessagePort, workerData } from 'node:worker_threads';
import { beginsToWork } from '../task/worker-state.ts';
import type { WorkerInit, HostFrame, WorkerFrame } from '../wire/frame.ts';
import { postFrame, received } from '../wire/post.ts';
import { ProgressWords } from '../wire/progress-words.ts';
import type { HostPort } from './outbox.ts';
import { stdioFlushed } from './stdio-flushed.ts';
import { startWorkerLoop } from './start.ts';
import { Atomics, Object, Promise } from '../core/globals.ts';
import { systemClock } from '../core/clock.ts';
import { currentThread } from '../core/os-thread.ts';
import { endChildrenAtExit } from './end-children.ts';

const { port, boot, memory, threadNumber } = workerData as {
  port: MessagePort;
  boot: WorkerInit;
  memory: SharedArrayBuffer;
  /** For the host to know which thread of the operating system this is. */
  threadNumber: Int32Array;
};
beginsToWork();
const thread = currentThread();
Atomics.store(threadNumber, 0, thread);
// A job that imports `workerData` would reach the port, and the host believes what comes from it.
for (const key of Object.keys(workerData as object)) delete (workerData as Record<string, unknown>)[key];

const hostPort: HostPort = {
  post: (frame, transfer) => postFrame(port, frame, transfer),
  stdioFlushed,
  // Node takes in messages where it polls. A thread that is ended while it runs a job there polls no more, and so does
  // not learn that child processes of the job have died.
  afterPoll: () => new Promise((resolve) => systemClock.afterPoll(resolve)),
  leaves: endChildrenAtExit(thread, () => port.postMessage({ staying: true } satisfies WorkerFrame)),
};

void startWorkerLoop(hostPort, received(boot), new ProgressWords(memory)).then((server) => {
  // Only now: a module that never finishes loading leaves nothing that keeps this thread alive.
  if (server === undefined) return;
  port.on('message', (frame: HostFrame) => server.receive(received(frame)));
  port.on('messageerror', (error) => server.unreadable(error));
});
