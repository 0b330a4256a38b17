// Fails until it is let through. How often it was tried shows outside.
const state = (globalThis[Symbol.for('test.load-failing')] ??= { tries: 0, mayLoad: false });
state.tries++;
if (!state.mayLoad) throw new Error(`not yet (${state.tries})`);

export const ready = () => 'ready';
