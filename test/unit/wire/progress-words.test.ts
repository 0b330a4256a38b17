import { describe } from 'vitest';
import { ProgressWords } from '../../../src/wire/progress-words.ts';
import { progressTests } from './progress.cases.ts';

describe('progress in shared memory', () => {
  progressTests(() => {
    const host = new ProgressWords();
    return { host, worker: new ProgressWords(host.memory) };
  });
});
