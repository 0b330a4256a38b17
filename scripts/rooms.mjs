/** They see only what a user and the author of a backend see, and may need a package of their own. */
export const integrations = ['bullmq', 'cli', 'fastify', 'otel', 'prometheus'];

/** The rooms of src/, top to bottom. An import may only go down; rooms on one line do not import each other. */
const rooms = [
  integrations,
  ['index.ts', 'backend.ts'],
  ['threads'],
  ['grinder'],
  ['lease'],
  ['executor'],
  ['worker'],
  ['diagnostics'],
  ['job'],
  ['task'],
  ['wire'],
  ['core'],
];

export const allRooms = rooms.flat();

const lineOf = (room) => rooms.findIndex((line) => line.includes(room));

export function mayEnter(from, to) {
  if (from === to) return true;
  if (integrations.includes(from)) return to === 'index.ts' || to === 'backend.ts';
  // Worker files are reached by URL.
  if (from === 'executor' && to === 'worker') return false;
  return lineOf(to) > lineOf(from);
}

/** `src/lease/pool-states.ts` -> `lease`, `src/index.ts` -> `index.ts`. */
export const roomOf = (path) => path.split('/')[1];
