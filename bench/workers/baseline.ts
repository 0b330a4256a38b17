import { parentPort } from 'node:worker_threads';

parentPort!.on('message', ({ id, value }: { readonly id: number; readonly value: number }) => {
  parentPort!.postMessage({ id, result: value + 1 });
});
