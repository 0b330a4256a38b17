import { workerData } from 'leasepool';

/** How many workers may start at once, and the gate for those that come later. @type {{ free: number, gate: Int32Array }} */
const { free, gate } = /** @type {any} */ (workerData());

if (Atomics.add(gate, 1, 1) >= free) Atomics.wait(gate, 0, 0);
