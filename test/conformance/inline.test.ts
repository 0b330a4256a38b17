import { builtInBackend } from '../../dist/executor/backends.js';
import { systemClock } from '../../dist/core/clock.js';
import { executorConformance } from './suite.ts';

const here = 'jobs run in the calling thread';

executorConformance('inline', {
  backend: builtInBackend('inline', systemClock),
  skips: {
    'blocking jobs': `${here}, and block it`,
    'ending workers': `${here}, which cannot be ended`,
    'dying workers': `${here}, and would end the program`,
    'sudden deaths': `${here}, and would end the program`,
    'memory limits': `${here}, which has no limits of its own`,
    'copying what is to be moved': 'it moves it',
    'refusing what cannot be shared': 'it shares it',
    parentPort: 'there is none',
    'an IPC channel': 'there is none',
    'a directory of its own': 'there is one directory',
    'separate heaps': `${here}, where a module is evaluated once`,
  },
});
