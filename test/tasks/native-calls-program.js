// A program that stops with a thread in a native call. The parent frees the thread when it has read 'leaves'.
import { LeasedExecutorManager } from 'leasepool';
import { readPipe } from './native-calls.js';

const [, , path] = process.argv;
const manager = new LeasedExecutorManager({ workersPerPool: 1 });
await manager.start();
const lease = await manager.acquire();
const { phase } = await lease.run(readPipe, [path], { timeoutSeconds: 0.2 }).catch((error) => error);
console.log(phase);
await manager.stop();
process.on('exit', () => console.log('leaves'));
