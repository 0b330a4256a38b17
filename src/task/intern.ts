import { FinalizationRegistry, Map, Object, WeakRef } from '../core/globals.ts';
import type { ResolvedTask } from '../wire/reference.ts';
import { perThread } from './per-thread.ts';

type Reference = Extract<ResolvedTask, { readonly kind: 'reference' }>;

interface Interned {
  readonly byModule: Map<string, Map<string, WeakRef<Reference>>>;
  readonly cleanup: FinalizationRegistry<Reference>;
}

// Weak, because names may come from outside (a reference per request), and must not pile up.
const interned = perThread<Interned>('references/1', () => {
  const byModule: Interned['byModule'] = new Map();
  const cleanup = new FinalizationRegistry<Reference>(({ module, name }) => {
    const byName = byModule.get(module);
    // The name may have been interned anew since.
    if (byName?.get(name)?.deref() !== undefined) return;
    byName?.delete(name);
    if (byName?.size === 0) byModule.delete(module);
  });
  return { byModule, cleanup };
});

/** The object for this module and name, when there is one. */
export function knownReference(module: string, name: string): Reference | undefined {
  return interned.byModule.get(module)?.get(name)?.deref();
}

/** The one object for this module and name, so that references can be compared by identity. */
export function referenceTo(module: string, name: string): Reference {
  const known = knownReference(module, name);
  if (known !== undefined) return known;
  const reference: Reference = Object.freeze({ kind: 'reference', module, name });
  let byName = interned.byModule.get(module);
  if (byName === undefined) interned.byModule.set(module, (byName = new Map()));
  byName.set(name, new WeakRef(reference));
  interned.cleanup.register(reference, { kind: 'reference', module, name });
  return reference;
}
