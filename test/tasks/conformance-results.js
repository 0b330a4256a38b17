// Results of which a process can be given less than a thread.
import { createSecretKey, webcrypto } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { defineTasks, move } from 'leasepool';

const makers = {
  sharedMemory: () => new SharedArrayBuffer(8),
  sharedView: () => ({ view: new Int32Array(new SharedArrayBuffer(8)) }),
  key: () => createSecretKey(Buffer.from('0123456789abcdef')),
  cryptoKey: () => webcrypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt']),
  port() {
    const { port1, port2 } = new MessageChannel();
    port1.once('message', (message) => port1.postMessage(`${message} back`));
    return move({ port: port2 }, [port2]);
  },
  blob: () => new Blob(['blob']),
};

export const { giving, throwing } = defineTasks(import.meta.url, {
  giving: (what) => makers[what](),
  throwing(what) {
    throw makers[what]();
  },
});
