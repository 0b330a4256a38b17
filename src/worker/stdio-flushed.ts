import { Writable } from 'node:stream';
import { Object, process, Promise, Reflect } from '../core/globals.ts';

// As they are before any job, which may put a spy in the place of `write`, or another stream in that of the stream.
const { write } = Writable.prototype;
const { hasOwn } = Object;
const getters = (['stdout', 'stderr'] as const).map(
  (name) => Object.getOwnPropertyDescriptor(process, name)?.get ?? (() => process[name]),
);
/** Made when they are first asked for: that takes time. */
let streams: readonly Writable[] | undefined;

/**
 * Output may wait in its stream: a thread's for the acknowledgement of what was sent before, a process' for room in
 * a pipe. A worker that is ended takes it along, so it leaves before the result of the job that printed it.
 *
 * @returns a promise for the moment when all that was printed so far has arrived; `undefined` when it has
 */
export function stdioFlushed(): Promise<void> | undefined {
  streams ??= getters.map((get) => get.call(process) as Writable);
  const waiting = streams.filter(isOnItsWay);
  if (waiting.length === 0) return undefined;
  return Promise.all(waiting.map(arrived)).then(() => undefined);
}

function arrived(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    // Also called, with an error, when the stream is destroyed.
    Reflect.apply(write, stream, ['', () => resolve()]);
  });
}

/** A job may have corked or ended its output, or taken it for itself: then nothing more will arrive. */
function isOnItsWay(stream: Writable): boolean {
  const { writable, writableCorked, writableLength } = stream;
  const isTaken = hasOwn(stream, '_write') || hasOwn(stream, '_writev');
  return writable && writableCorked === 0 && writableLength > 0 && !isTaken;
}
