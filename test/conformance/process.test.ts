import { builtInBackend } from '../../dist/executor/backends.js';
import { systemClock } from '../../dist/core/clock.js';
import { executorConformance } from './suite.ts';

executorConformance('process', {
  backend: builtInBackend('process', systemClock),
  skips: {
    moving: 'memory cannot move to another process: it is copied',
    'moving results': 'memory cannot move to another process: it is copied',
    sharing: 'processes share nothing: such values are refused with a NotCloneableError',
    parentPort: 'a process has none',
  },
});
