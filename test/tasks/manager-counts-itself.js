import { workerData } from 'leasepool';

Atomics.add(workerData(), 0, 1);
