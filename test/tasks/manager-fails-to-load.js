import { workerData } from 'leasepool';

/** How often this module has been loaded, over all workers. */
const attempt = Atomics.add(workerData(), 0, 1);

if (attempt < Atomics.load(workerData(), 1)) throw new TypeError('this module does not load yet');

export const loadedAt = () => attempt;
