/** Runs in a child process. Reached by URL. */

import { addPermanentListener } from './permanent-listener.ts';
import { process } from '../core/globals.ts';
import { beginsToWork } from '../task/worker-state.ts';

beginsToWork();

/**
 * Terminals, service managers and the like send them to every process of a group; it is the parent that decides, and
 * a child that outlives it ends for that. Before anything else is loaded, because they may come at any time.
 */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) addPermanentListener(signal, () => {});

const loaded = import('./serve-process.ts');
process.once('message', (bytes: Uint8Array) => void loaded.then(({ serveProcess }) => serveProcess(bytes)));
