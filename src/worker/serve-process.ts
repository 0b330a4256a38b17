/** Binds the channels of a child process to the server. */

import { notCloneable } from '../wire/cloneable.ts';
import { encodeThrow } from '../wire/error-codec.ts';
import { writeFrame } from '../wire/frame-stream.ts';
import type { WorkerInit, HostFrame, WorkerFrame } from '../wire/frame.ts';
import { WorkerProgressFile } from '../wire/progress-file.ts';
import { assertTravels, fromBytes } from '../wire/serialize.ts';
import { addPermanentListener } from './permanent-listener.ts';
import type { HostPort } from './outbox.ts';
import { stdioFlushed } from './stdio-flushed.ts';
import type { WorkerLoop } from './worker-loop.ts';
import { startWorkerLoop } from './start.ts';
import { exitWithParent } from './exit-with-parent.ts';
import { process } from '../core/globals.ts';

/** Descriptors the host opened for this process. */
const resultsFd = 4;
const progressFd = 5;

const hostPort: HostPort = {
  post: (frame: WorkerFrame) => writeFrame(resultsFd, frame),
  cloneTest: assertTravels,
  stdioFlushed,
};

function receive(server: WorkerLoop, bytes: Uint8Array): void {
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
function reportFatal(error: unknown): void {
  try {
    writeFrame(resultsFd, { dying: encodeThrow(error) });
  } catch (refused) {
    writeFrame(resultsFd, { dying: encodeThrow(notCloneable('thrown', error, refused, assertTravels)) });
  }
}

/** @param bytes the first message of the host */
export async function serveProcess(bytes: Uint8Array): Promise<void> {
  const { name, parent, boot } = fromBytes(bytes) as { name: string; parent: number; boot: WorkerInit };
  process.title = name;
  exitWithParent(parent);
  addPermanentListener('uncaughtExceptionMonitor', reportFatal);
  const server = await startWorkerLoop(hostPort, boot, new WorkerProgressFile(progressFd));
  if (server === undefined) return;
  process.channel!.ref(); // A job may listen to the channel.
  addPermanentListener('message', (next: Uint8Array) => receive(server, next));
}
