/** Serves calls in the calling thread, for tests and debugging. Reached by URL. */

import type { MessagePort, TransferListItem } from 'node:worker_threads';
import { withWorkerData } from '../task/worker-data.ts';
import type { Boot, HostFrame, WorkerFrame } from '../wire/frame.ts';
import type { WorkerProgress } from '../wire/progress.ts';
import { TaskLoader } from './load.ts';
import type { HostPort } from './outbox.ts';
import { Server } from './serve.ts';
import { announce } from './start.ts';

export async function serveInline(port: MessagePort, boot: Boot, progress: WorkerProgress): Promise<void> {
  const hostPort: HostPort = {
    post: (frame: WorkerFrame, transfer) => port.postMessage(frame, transfer as readonly TransferListItem[]),
  };
  const workerData = structuredClone(boot.workerData); // Every worker has its own.
  const surround = <T>(run: () => T): T => withWorkerData(workerData, run);
  const loader = new TaskLoader();
  if (!(await announce(hostPort, () => surround(() => loader.preload(boot.preload))))) return;
  const server = new Server({ port: hostPort, asyncTasks: boot.asyncTasks, progress, loader, surround });
  port.on('message', (frame: HostFrame) => server.receive(frame));
  port.unref(); // The host's end keeps the process alive while there is work.
}
