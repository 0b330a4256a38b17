/** Serves calls in the calling thread, for tests and debugging. Reached by URL. */

import type { MessagePort } from 'node:worker_threads';
import { withWorkerData } from '../task/worker-data.ts';
import { revived } from '../wire/error-envelope.ts';
import type { Boot, HostFrame } from '../wire/frame.ts';
import { cloneValue } from '../wire/own-memory.ts';
import { postFrame, received } from '../wire/post.ts';
import type { WorkerProgress } from '../wire/progress.ts';
import { TaskLoader } from './load.ts';
import type { HostPort } from './outbox.ts';
import { Server } from './serve.ts';
import { announce } from './start.ts';

export async function serveInline(port: MessagePort, boot: Boot, progress: WorkerProgress): Promise<void> {
  const hostPort: HostPort = {
    post: (frame, transfer) => postFrame(port, frame, transfer),
  };
  const [workerData] = revived(cloneValue(boot.workerData)); // Every worker has its own.
  const surround = <T>(run: () => T): T => withWorkerData(workerData, run);
  const loader = new TaskLoader();
  if (!(await announce(hostPort, () => surround(() => loader.preload(boot.preload))))) return;
  const server = new Server({ port: hostPort, asyncTasks: boot.asyncTasks, progress, loader, surround });
  port.on('message', (frame: HostFrame) => server.receive(received(frame)));
  port.on('messageerror', (error) => server.unreadable(error));
  port.unref(); // The host's end keeps the process alive while there is work.
}
