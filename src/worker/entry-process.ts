/** Runs in a child process: binds its channels to the server. Reached by URL. */

import { notCloneable } from '../wire/cloneable.ts';
import { encodeThrow } from '../wire/error-codec.ts';
import { writeFrame } from '../wire/frame-stream.ts';
import type { Boot, HostFrame, WorkerFrame } from '../wire/frame.ts';
import { WorkerProgressFile } from '../wire/progress-file.ts';
import { fromBytes, toBytes } from '../wire/serialize.ts';
import { keepListening } from './keep-listening.ts';
import type { HostPort } from './outbox.ts';
import { printing } from './printing.ts';
import type { Server } from './serve.ts';
import { startServer } from './start.ts';
import { endWithParent } from './watch-parent.ts';

/** Descriptors the host opened for this process. */
const answersFd = 4;
const progressFd = 5;

const hostPort: HostPort = {
  post: (frame: WorkerFrame) => writeFrame(answersFd, frame),
  copies: toBytes,
  printing,
};

function receive(server: Server, bytes: Uint8Array): void {
  let frame: HostFrame;
  try {
    frame = fromBytes(bytes) as HostFrame;
  } catch {
    server.unreadable();
    return;
  }
  server.receive(frame);
}

/** The last word, about what nobody caught. */
function sayWhy(error: unknown): void {
  try {
    writeFrame(answersFd, { dying: encodeThrow(error) });
  } catch (refused) {
    writeFrame(answersFd, { dying: encodeThrow(notCloneable('thrown', error, refused, toBytes)) });
  }
}

async function serve(bytes: Uint8Array): Promise<void> {
  const { name, parent, boot } = fromBytes(bytes) as { name: string; parent: number; boot: Boot };
  process.title = name;
  endWithParent(parent);
  process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; it is the parent that decides.
  keepListening('uncaughtExceptionMonitor', sayWhy);
  const server = await startServer(hostPort, boot, new WorkerProgressFile(progressFd));
  if (server === undefined) return;
  process.channel!.ref(); // Whoever listens to it.
  keepListening('message', (next: Uint8Array) => receive(server, next));
}

process.once('message', (bytes: Uint8Array) => void serve(bytes));
