import type { Writable } from 'node:stream';

/**
 * Output may wait in its stream: a thread's for the acknowledgement of what was sent before, a process' for room in
 * a pipe. A worker that is ended takes it along, so it leaves before the result of the job that printed it.
 *
 * @returns a promise for the moment when all that was printed so far has arrived; `undefined` when it has
 */
export function printing(): Promise<void> | undefined {
  const waiting = [process.stdout, process.stderr].filter(isOnItsWay);
  if (waiting.length === 0) return undefined;
  return Promise.all(waiting.map(arrived)).then(() => undefined);
}

function arrived(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve()); // Also called, with an error, when the stream is destroyed.
  });
}

/** A job may have corked or ended its output: then nothing more will arrive. */
function isOnItsWay({ writable, writableCorked, writableLength }: Writable): boolean {
  return writable && writableCorked === 0 && writableLength > 0;
}
