/** Serves calls in the calling thread, for tests and debugging. Reached by URL. */

import type { MessagePort } from 'node:worker_threads';
import { withWorkerData } from '../task/worker-data.ts';
import { revived } from '../wire/error-envelope.ts';
import type { WorkerInit, HostFrame } from '../wire/frame.ts';
import { cloneValue } from '../wire/own-memory.ts';
import { postFrame, received } from '../wire/post.ts';
import type { WorkerProgress } from '../wire/progress.ts';
import { TaskLoader } from './load.ts';
import type { HostPort } from './outbox.ts';
import { WorkerLoop } from './worker-loop.ts';
import { preloadAndReport } from './start.ts';

export async function serveInline(
  port: MessagePort,
  boot: WorkerInit,
  progress: WorkerProgress,
): Promise<void> {
  const hostPort: HostPort = {
    post: (frame, transfer) => postFrame(port, frame, transfer),
  };
  const [workerData] = revived(cloneValue(boot.workerData)); // Every worker has its own.
  const runInScope = <T>(run: () => T): T => withWorkerData(workerData, run);
  const loader = new TaskLoader();
  if (!(await preloadAndReport(hostPort, () => runInScope(() => loader.preload(boot.preload))))) return;
  const server = new WorkerLoop({
    port: hostPort,
    asyncTasks: boot.asyncTasks,
    progress,
    loader,
    runInScope,
  });
  port.on('message', (frame: HostFrame) => server.receive(received(frame)));
  port.on('messageerror', (error) => server.unreadable(error));
  port.unref(); // The host's end keeps the process alive while there is work.
}
