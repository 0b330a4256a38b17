import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { DiagnosticsMessages } from './channels.ts';

/** Hears what is published on a channel. @returns ends it; may be called again */
export function listen<N extends keyof DiagnosticsMessages>(
  name: N,
  listener: (message: DiagnosticsMessages[N]) => void,
): () => void {
  const hear = listener as (message: unknown) => void;
  subscribe(name, hear);
  return () => void unsubscribe(name, hear);
}
