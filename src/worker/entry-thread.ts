/** Runs in a worker thread: binds its port to the server. Reached by URL. */

import { type MessagePort, type TransferListItem, workerData } from 'node:worker_threads';
import type { Boot, HostFrame, WorkerFrame } from '../wire/frame.ts';
import { ProgressWords } from '../wire/progress-words.ts';
import type { HostPort } from './outbox.ts';
import { printing } from './printing.ts';
import { startServer } from './start.ts';

const { port, boot, memory } = workerData as { port: MessagePort; boot: Boot; memory: SharedArrayBuffer };

const hostPort: HostPort = {
  post: (frame: WorkerFrame, transfer) => port.postMessage(frame, transfer as readonly TransferListItem[]),
  printing,
};

void startServer(hostPort, boot, new ProgressWords(memory)).then((server) => {
  // Only now: a module that never finishes loading leaves nothing that keeps this thread alive.
  if (server === undefined) return;
  port.on('message', (frame: HostFrame) => server.receive(frame));
  port.on('messageerror', () => server.unreadable());
});
