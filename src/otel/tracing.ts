import {
  type Attributes,
  context,
  type Exception,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { listen, readOptions, readObjectWith } from '../backend.ts';
import type { BatchMessage, DiagnosedItem, ItemSettleMessage } from '../index.ts';
import { fillCarrier } from './carrier.ts';
import { errorType } from './error-type.ts';

export interface TracingOptions {
  /** @defaultValue the global one */
  readonly tracerProvider?: TracerProvider | undefined;
}

/**
 * Makes a span of each item and of each batch of this process, by the semantic conventions for messaging, from now on.
 * An item's span is a child of the span active where it was submitted, lasts until it is settled, and links to its
 * batch's span.
 *
 * @returns ends it, and every span that is open
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for options that cannot work
 */
export function enableTracing(options?: TracingOptions): () => void {
  const given = readOptions<TracingOptions>('enableTracing()', options, ['tracerProvider']);
  const provider =
    readObjectWith<TracerProvider>('tracerProvider', given.tracerProvider, ['getTracer']) ?? trace;
  return new Tracing(provider.getTracer('leasepool')).end;
}

const system = { 'messaging.system': 'leasepool' };

class Tracing {
  readonly #tracer: Tracer;
  readonly #items = new Map<DiagnosedItem, Span>();
  readonly #batches = new Map<string, Span>();
  readonly #undo: readonly (() => void)[];

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
    this.#undo = [
      listen('leasepool:item:submit', ({ item }) => this.#submitted(item)),
      listen('leasepool:item:send', ({ item, leaseId }) => this.#sent(item, leaseId)),
      listen('leasepool:item:settle', (message) => this.#settled(message)),
      listen('tracing:leasepool:batch:start', (batch) => this.#begun(batch)),
      listen('tracing:leasepool:batch:error', (batch) => {
        const span = this.#batches.get(keyOf(batch.grinder, batch.leaseId));
        if (span !== undefined) fail(span, batch.error);
      }),
      listen('tracing:leasepool:batch:asyncEnd', (batch) => this.#ended(batch)),
    ];
  }

  readonly end = (): void => {
    for (const each of this.#undo) each();
    for (const spans of [this.#items, this.#batches]) {
      for (const span of spans.values()) span.end();
      spans.clear();
    }
  };

  #submitted(item: DiagnosedItem): void {
    const attributes: Attributes = {
      ...system,
      'messaging.operation.name': 'submit',
      'messaging.operation.type': 'send',
      'code.function.name': item.task,
    };
    if (item.grinder !== undefined) attributes['messaging.destination.name'] = item.grinder;
    if (item.owner !== undefined) attributes['leasepool.item.owner'] = item.owner;
    const active = context.active();
    const span = this.#tracer.startSpan(
      `submit ${item.task}`,
      { kind: SpanKind.PRODUCER, attributes },
      active,
    );
    this.#items.set(item, span);
    fillCarrier(active, span);
  }

  /** The link comes each time: an item that comes back unbegun goes out with another batch. */
  #sent(item: DiagnosedItem, leaseId: string): void {
    const span = this.#items.get(item);
    if (span === undefined) return;
    span.addEvent('sent', { 'leasepool.lease.id': leaseId });
    const batch = this.#batches.get(keyOf(item.grinder, leaseId));
    if (batch !== undefined) span.addLink({ context: batch.spanContext() });
  }

  #settled({ item, status, error }: ItemSettleMessage): void {
    const span = this.#items.get(item);
    if (span === undefined) return;
    this.#items.delete(item);
    span.setAttribute('leasepool.outcome', status);
    if (status === 'rejected') fail(span, error);
    span.end();
  }

  /** Without a parent, for its items are of many callers. */
  #begun({ grinder, batch, leaseId }: BatchMessage): void {
    const attributes = {
      ...system,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': grinder,
      'leasepool.batch.name': batch,
      'leasepool.lease.id': leaseId,
    };
    const options = { kind: SpanKind.CONSUMER, attributes, root: true };
    this.#batches.set(keyOf(grinder, leaseId), this.#tracer.startSpan(`process ${grinder}`, options));
  }

  #ended({ grinder, leaseId, size }: BatchMessage): void {
    const key = keyOf(grinder, leaseId);
    const span = this.#batches.get(key);
    this.#batches.delete(key);
    span?.setAttribute('messaging.batch.message_count', size).end();
  }
}

/** Ids of leases are told apart within a manager only. */
const keyOf = (grinder: string | undefined, leaseId: string): string => `${grinder}: ${leaseId}`;

function fail(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  span.recordException(error instanceof Error ? (error as Exception) : message);
  span.setAttribute('error.type', errorType(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}
