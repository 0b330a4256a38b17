import type { MessagePort, TransferListItem } from 'node:worker_threads';
import { type WorkerInit, type HostFrame, type WorkerFrame, withValues } from './frame.ts';
import type { EncodedValues } from './error-envelope.ts';
import { ownMemory } from './own-memory.ts';
import { movableOf } from './transfer.ts';
import type { Envelope } from './reliable-channel.ts';
import type { ThreadReply, ThreadRequest } from './thread-frame.ts';
import { isAnyView, makeBuffers, type View } from './views.ts';
import { isObject } from './walk.ts';
import { Array, Object } from '../core/globals.ts';

const { hasOwn } = Object;

/** How a frame travels between threads. */
interface Posted {
  /** Views in it that are to be Buffers. */
  readonly buffers?: readonly View[];
}

/** @throws when a value in the frame cannot be copied; then nothing was sent and nothing has moved */
export function postFrame(
  port: MessagePort,
  frame: HostFrame | WorkerFrame,
  transfer: readonly object[],
): void {
  const moved = transfer.length === 0 ? transfer : movableOf(transfer);
  let buffers: readonly View[] | undefined;
  const own = withValues(frame, (values) => {
    const owned = ownMemory(values, moved);
    if (owned.buffers !== undefined) buffers = [...(buffers ?? []), ...owned.buffers];
    return owned.values;
  });
  port.postMessage(buffers === undefined ? own : { ...own, buffers }, moved as readonly TransferListItem[]);
}

/** Makes the listed views of a message Buffers again. Leaves anything that is no message of this package as it is. */
export function received<T>(message: T): T {
  if (!isObject(message) || !hasOwn(message, 'buffers')) return message;
  const { buffers } = message as Posted;
  if (Array.isArray(buffers) && buffers.every(isAnyView)) makeBuffers(buffers);
  return message;
}

/** What a worker thread is given when it starts, for `workerData` of Node to carry. */
export function initToPost(boot: WorkerInit): WorkerInit & Posted {
  const { values, buffers } = ownMemory([boot.workerData]);
  return { ...boot, workerData: values[0] as EncodedValues, ...(buffers === undefined ? {} : { buffers }) };
}

type Item = ThreadRequest | ThreadReply;

/** The same for what travels between the thread that owns a grinder and a thread that uses it. */
export function postItems(port: MessagePort, frame: Envelope<Item>): void {
  if (!frame.items.some(hasObject)) return port.postMessage(frame);
  const { values, buffers } = ownMemory(frame.items);
  port.postMessage({ ...frame, items: values, ...(buffers === undefined ? {} : { buffers }) });
}

function hasObject(item: Item): boolean {
  if (hasOwn(item, 'args')) return (item as ThreadRequest & { args: readonly unknown[] }).args.some(isObject);
  return isObject((item as { value?: unknown }).value) || hasOwn(item, 'thrown');
}
