import { workerData } from 'leasepool';

globalThis.preloads = (globalThis.preloads ?? 0) + 1;
globalThis.seenByPreload = workerData();
