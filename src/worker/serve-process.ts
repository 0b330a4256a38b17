/** Binds the channels of a child process to the server. */

import { notCloneable } from '../wire/cloneable.ts';
import { encodeThrow } from '../wire/error-codec.ts';
import { writeFrame } from '../wire/frame-stream.ts';
import type { Boot, HostFrame, WorkerFrame } from '../wire/frame.ts';
import { WorkerProgressFile } from '../wire/progress-file.ts';
import { assertTravels, fromBytes } from '../wire/serialize.ts';
import { keepListening } from './keep-listening.ts';
import type { HostPort } from './outbox.ts';
import { printing } from './printing.ts';
import type { Server } from './serve.ts';
import { startServer } from './start.ts';
import { endWithParent } from './watch-parent.ts';
import { process } from '../ground/globals.ts';

/** Descriptors the host opened for this process. */
const answersFd = 4;
const progressFd = 5;

const hostPort: HostPort = {
  post: (frame: WorkerFrame) => writeFrame(answersFd, frame),
  copies: assertTravels,
  printing,
};

function receive(server: Server, bytes: Uint8Array): void {
  let frame: HostFrame;
  try {
    frame = fromBytes(bytes) as HostFrame;
  } catch (error) {
    server.unreadable(error);
    return;
  }
  server.receive(frame);
}

/** The last word, about what nobody caught. */
function sayWhy(error: unknown): void {
  try {
    writeFrame(answersFd, { dying: encodeThrow(error) });
  } catch (refused) {
    writeFrame(answersFd, { dying: encodeThrow(notCloneable('thrown', error, refused, assertTravels)) });
  }
}

/** @param bytes the first message of the host */
export async function serveProcess(bytes: Uint8Array): Promise<void> {
  const { name, parent, boot } = fromBytes(bytes) as { name: string; parent: number; boot: Boot };
  process.title = name;
  endWithParent(parent);
  keepListening('uncaughtExceptionMonitor', sayWhy);
  const server = await startServer(hostPort, boot, new WorkerProgressFile(progressFd));
  if (server === undefined) return;
  process.channel!.ref(); // Whoever listens to it.
  keepListening('message', (next: Uint8Array) => receive(server, next));
}
