import { BroadcastChannel, MessageChannel, MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { UnsupportedRuntimeError } from '../core/errors.ts';
import { Atomics, Int32Array, Object, SharedArrayBuffer, TypeError } from '../core/globals.ts';

/** `"crowded"`: another thread was doing the same at that moment, and the ports are lost. */
export type OfferedPort = 'yes' | 'nobody' | 'crowded';

/**
 * Gives ports to the thread that listens on the BroadcastChannel `name`, and tells whether there is one: at once,
 * without a turn of any event loop, and whatever the main thread does.
 *
 * `postMessage()` of a channel moves nothing and says nothing. That of the port inside it does both, as long as
 * there is one receiver: it gives `true` when it has delivered, `false` for nobody there, `undefined` for several.
 *
 * @param ticket no other call has it
 */
export function offerPort(
  name: string,
  ticket: string,
  message: object,
  ports: readonly MessagePort[],
): OfferedPort {
  const port = portOf(new BroadcastChannel(name));
  const delivered: unknown = port.postMessage(message, ports);
  leave(port, ticket);
  if (delivered === undefined) return 'crowded';
  return delivered === true ? 'yes' : 'nobody';
}

/** Whether there is somebody at the other end: `postMessage()` gives `false` once there is not, and later `undefined`. */
export function isConnected(port: MessagePort): boolean {
  return (port.postMessage(undefined) as unknown) === true;
}

let isProven = false;

/**
 * Tries out, once per thread, what a connection is built on and Node does not document.
 * @throws {@link UnsupportedRuntimeError} when it does not work here
 */
export function assertCanBlock(ticket: string): void {
  let cause: unknown;
  try {
    isProven ||= canBlock(ticket);
  } catch (error) {
    cause = error;
  }
  if (isProven) return;
  const message = 'this runtime cannot block a thread for the answer of another one';
  throw new UnsupportedRuntimeError(message, cause === undefined ? {} : { cause });
}

function canBlock(ticket: string): boolean {
  const name = `${ticket}/trial`;
  const listener = new BroadcastChannel(name);
  const { port1: near, port2: far } = new MessageChannel();
  try {
    const heard = offerPort(name, `${ticket}/1`, { far }, [far]);
    const wasConnected = isConnected(near);
    const received = receiveMessageOnPort(listener as unknown as MessagePort) as
      | { readonly message: { readonly far: MessagePort } }
      | undefined;
    leave(portOf(listener), `${ticket}/2`);
    const unheard = offerPort(name, `${ticket}/3`, received!.message, [received!.message.far]);
    const mayWait = Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0) === 'timed-out';
    return heard === 'yes' && wasConnected && unheard === 'nobody' && !isConnected(near) && mayWait;
  } finally {
    near.close();
    listener.close();
  }
}

function portOf(channel: BroadcastChannel): MessagePort {
  const parts = channel as unknown as Record<symbol, unknown>;
  const port = Object.getOwnPropertySymbols(parts)
    .map((key) => parts[key])
    .find((part) => part instanceof MessagePort);
  if (port === undefined) throw new TypeError('there is no port inside a BroadcastChannel');
  return port;
}

/**
 * Closes a port at once: one that is sent where nobody listens is gone. `close()` takes effect in a later turn of
 * the event loop, which a thread that blocks does not come to.
 */
function leave(port: MessagePort, ticket: string): void {
  const nowhere = new BroadcastChannel(`${ticket}/nowhere`);
  portOf(nowhere).postMessage(port, [port]);
  nowhere.close();
}
