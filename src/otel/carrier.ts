import { context, type Context, createContextKey, propagation, type Span, trace } from '@opentelemetry/api';

/** A trace context as the propagator writes it (`traceparent` and the like): plain data, to go along as an argument. */
export type Carrier = Record<string, string>;

const key = createContextKey('leasepool carrier');

/** Those whose item has not been submitted yet. */
const waiting = new WeakSet<Carrier>();

/**
 * Submits an item whose arguments carry its trace context, for a task that makes spans of its own. With tracing enabled
 * it is the context of the item's span, otherwise the one active here.
 *
 * @param submit called at once; submits an item with the carrier among its arguments. The carrier is that of the first
 *   one it submits.
 * @returns what `submit` returns
 * @example
 * await withCarrier((carrier) => grinder.submit(hash, [text, carrier]));
 */
export function withCarrier<T>(submit: (carrier: Carrier) => T): T {
  const carrier: Carrier = {};
  const active = context.active();
  propagation.inject(active, carrier);
  waiting.add(carrier);
  return context.with(active.setValue(key, carrier), submit, undefined, carrier);
}

/** Puts the context of an item's span into the carrier it was submitted with, if there is one. */
export function fillCarrier(active: Context, span: Span): void {
  const carrier = active.getValue(key) as Carrier | undefined;
  if (carrier !== undefined && waiting.delete(carrier))
    propagation.inject(trace.setSpan(active, span), carrier);
}
