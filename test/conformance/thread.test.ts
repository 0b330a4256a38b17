import { builtInBackend } from '../../dist/executor/backends.js';
import { systemClock } from '../../dist/core/clock.js';
import { executorConformance } from './suite.ts';

const noProcess = 'a thread shares its process, and would take it along';

executorConformance('thread', {
  backend: builtInBackend('thread', systemClock),
  skips: {
    'sudden deaths': noProcess,
    'copying what is to be moved': 'threads move it',
    'refusing what cannot be shared': 'threads share it',
    'an IPC channel': 'a thread has none',
    'a directory of its own': 'a thread has that of its process',
  },
});
