import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { defineTasks } from 'leasepool';
import { exporter } from './telemetry-worker.js';

export const { traced } = defineTasks(import.meta.url, {
  /** Makes a span and tells where it belongs. @param {Record<string, string>} carrier */
  traced: (carrier) => {
    context.with(propagation.extract(ROOT_CONTEXT, carrier), () =>
      trace.getTracer('tasks').startActiveSpan('work', (span) => span.end()),
    );
    const span = exporter.getFinishedSpans().at(-1);
    return { traceId: span?.spanContext().traceId, parentId: span?.parentSpanContext?.spanId };
  },
});
