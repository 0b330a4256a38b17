// Blocks its worker when it is loaded, until there is a file of the name in `workerData`, with '.go' added.
import { existsSync } from 'node:fs';
import { defineTasks, workerData } from 'leasepool';

const path = String(workerData());
while (!existsSync(`${path}.go`));

export const { loaded } = defineTasks(import.meta.url, { loaded: () => 'loaded' });
