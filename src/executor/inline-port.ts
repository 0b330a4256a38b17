import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { encodeErrors } from '../wire/error-codec.ts';
import type { WorkerInit, WorkerFrame } from '../wire/frame.ts';
import { postFrame, received } from '../wire/post.ts';
import { ProgressWords } from '../wire/progress-words.ts';
import type { WorkerProgress } from '../wire/progress.ts';
import type { Spawn } from './port.ts';
import { queueMicrotask, URL } from '../core/globals.ts';

/** What `worker/entry-inline` exports: it is reached by URL, as every worker entry is. */
interface InlineEntry {
  serveInline(port: MessagePort, boot: WorkerInit, progress: WorkerProgress): Promise<void>;
}

/** A worker that is no thread of its own: the same loop and the same frames, in the calling thread. */
export const spawnInline: Spawn = ({ asyncTasks, preload, workerData }, events) => {
  const progress = new ProgressWords();
  const { port1: port, port2 } = new MessageChannel();
  const boot: WorkerInit = { asyncTasks, preload, workerData: encodeErrors([workerData]) };
  let ended = false;
  const end = (error?: unknown): void => {
    if (ended) return;
    ended = true;
    if (error !== undefined) events.failed(error);
    port.close();
    // Its jobs cannot be interrupted, but what they answer is not heard any more.
    queueMicrotask(() => events.exit(undefined, undefined));
  };
  port.on('message', (frame: WorkerFrame) => events.frame(received(frame)));
  port.on('messageerror', (error) => events.unreadable(error));
  const entry = new URL('../worker/entry-inline.js', import.meta.url);
  const started = import(entry.href) as Promise<InlineEntry>;
  started.then(({ serveInline }) => serveInline(port2, boot, progress)).catch(end);
  return {
    progress,
    post: (frame, transfer) => postFrame(port, frame, transfer),
    keepAlive: (on) => (on ? port.ref() : port.unref()),
    end: () => end(),
    kill: () => end(),
  };
};
