import { channel, tracingChannel } from 'node:diagnostics_channel';

/** An item, as its events show it: the same object in all of them. */
export interface DiagnosedItem {
  /** Name of the task. */
  readonly task: string;
  readonly owner: string | undefined;
  /** The grinder's `ownerPrefix`; `undefined` for a job given to a lease. */
  readonly grinder: string | undefined;
}

/** Accepted, in the caller's turn and async context. */
export interface ItemSubmitMessage {
  readonly item: DiagnosedItem;
}

/** Handed to a pool. An item that comes back unbegun is sent again. */
export interface ItemSendMessage {
  readonly item: DiagnosedItem;
  readonly leaseId: string;
}

export interface ItemSettleMessage {
  readonly item: DiagnosedItem;
  readonly status: 'fulfilled' | 'rejected' | 'cancelled';
  /** What its promise rejects with; `undefined` when it is fulfilled. */
  readonly error: unknown;
}

/** A batch: the same object in all five events of its trace. */
export interface BatchMessage {
  /** The grinder's `ownerPrefix`. */
  readonly grinder: string;
  /** `<ownerPrefix>-batch-<n>`, which is also the owner of its lease. */
  readonly batch: string;
  readonly leaseId: string;
  /** Items it has taken so far. */
  size: number;
  /** Why its lease was taken away, when it was. */
  error?: unknown;
}

/** A pool is lent. */
export interface LeaseAcquireMessage {
  readonly leaseId: string;
  readonly owner: string | undefined;
  readonly pool: string;
  readonly leaseSeconds: number;
  /** How long the request stood in line. */
  readonly waitedSeconds: number;
}

/** The time asked for is over (soft expiry); the grace begins. */
export interface LeaseExpireMessage {
  readonly leaseId: string;
  readonly owner: string | undefined;
}

/** Taken from its holder: revoked at hard expiry, its pool broke, or the manager stops. */
export interface LeaseLoseMessage {
  readonly leaseId: string;
  readonly owner: string | undefined;
  readonly error: Error;
}

/** Nothing of it runs any more, and the pool is back. */
export interface LeaseEndMessage {
  readonly leaseId: string;
  readonly owner: string | undefined;
  readonly pool: string;
  readonly heldSeconds: number;
}

/** Its workers are being started. */
export interface PoolOpenMessage {
  /** `<namePrefix>-<n>` */
  readonly pool: string;
  readonly backend: string;
  readonly workers: number;
}

/** It can run jobs. */
export interface PoolUpMessage {
  readonly pool: string;
}

/** It can run nothing any more, and is retired. */
export interface PoolBreakMessage {
  readonly pool: string;
  readonly error: Error;
}

/** Nothing is left of it. */
export interface PoolCloseMessage {
  readonly pool: string;
}

/** A thread or a process is being started. */
export interface WorkerStartMessage {
  readonly pool: string;
  /** Its number in the pool, from 0; one that replaces another has its number. */
  readonly worker: number;
}

/** It can run jobs. */
export interface WorkerUpMessage {
  readonly pool: string;
  readonly worker: number;
}

/** It has ended. */
export interface WorkerEndMessage {
  readonly pool: string;
  readonly worker: number;
  /** Why, unless it was told to. */
  readonly error: unknown;
}

/** What is published on each channel of `node:diagnostics_channel`. */
export interface DiagnosticsMessages {
  'leasepool:item:submit': ItemSubmitMessage;
  'leasepool:item:send': ItemSendMessage;
  'leasepool:item:settle': ItemSettleMessage;
  'tracing:leasepool:batch:start': BatchMessage;
  'tracing:leasepool:batch:end': BatchMessage;
  'tracing:leasepool:batch:asyncStart': BatchMessage;
  'tracing:leasepool:batch:asyncEnd': BatchMessage;
  'tracing:leasepool:batch:error': BatchMessage;
  'leasepool:lease:acquire': LeaseAcquireMessage;
  'leasepool:lease:expire': LeaseExpireMessage;
  'leasepool:lease:lose': LeaseLoseMessage;
  'leasepool:lease:end': LeaseEndMessage;
  'leasepool:pool:open': PoolOpenMessage;
  'leasepool:pool:up': PoolUpMessage;
  'leasepool:pool:break': PoolBreakMessage;
  'leasepool:pool:close': PoolCloseMessage;
  'leasepool:worker:start': WorkerStartMessage;
  'leasepool:worker:up': WorkerUpMessage;
  'leasepool:worker:end': WorkerEndMessage;
}

/** A channel that takes only its own messages. Whoever publishes asks first whether anybody listens. */
interface ChannelOf<N extends keyof DiagnosticsMessages> {
  readonly hasSubscribers: boolean;
  publish(message: DiagnosticsMessages[N]): void;
}

/** A tracing channel, as far as it is used here: the parameters of Node's type differ between versions of its declarations. */
interface TraceOf<M extends object> {
  readonly hasSubscribers: boolean;
  readonly start: { runStores(message: M, run: () => void): void };
  readonly end: { publish(message: M): void };
  readonly asyncStart: { publish(message: M): void };
  readonly asyncEnd: { publish(message: M): void };
  readonly error: { publish(message: M): void };
}

function open<N extends keyof DiagnosticsMessages>(name: N): ChannelOf<N> {
  return channel(name);
}

export const itemSubmit: ChannelOf<'leasepool:item:submit'> = open('leasepool:item:submit');
export const itemSend: ChannelOf<'leasepool:item:send'> = open('leasepool:item:send');
export const itemSettle: ChannelOf<'leasepool:item:settle'> = open('leasepool:item:settle');
export const batchTrace: TraceOf<BatchMessage> = tracingChannel('leasepool:batch');
export const leaseAcquire: ChannelOf<'leasepool:lease:acquire'> = open('leasepool:lease:acquire');
export const leaseExpire: ChannelOf<'leasepool:lease:expire'> = open('leasepool:lease:expire');
export const leaseLose: ChannelOf<'leasepool:lease:lose'> = open('leasepool:lease:lose');
export const leaseEnd: ChannelOf<'leasepool:lease:end'> = open('leasepool:lease:end');
export const poolOpen: ChannelOf<'leasepool:pool:open'> = open('leasepool:pool:open');
export const poolUp: ChannelOf<'leasepool:pool:up'> = open('leasepool:pool:up');
export const poolBreak: ChannelOf<'leasepool:pool:break'> = open('leasepool:pool:break');
export const poolClose: ChannelOf<'leasepool:pool:close'> = open('leasepool:pool:close');
export const workerStart: ChannelOf<'leasepool:worker:start'> = open('leasepool:worker:start');
export const workerUp: ChannelOf<'leasepool:worker:up'> = open('leasepool:worker:up');
export const workerEnd: ChannelOf<'leasepool:worker:end'> = open('leasepool:worker:end');
