import { describe, expect, test } from 'vitest';
import { readBackendOptions } from '../../../src/bullmq/backend-options.ts';
import { readHostOptions } from '../../../src/bullmq/host-options.ts';
import { workerOptions } from '../../../src/bullmq/worker-usage.ts';
import { readCommand } from '../../../src/cli/command.ts';
import { readGrinderOptions } from '../../../src/grinder/grinder-options.ts';
import { readMapOptions } from '../../../src/grinder/map-options.ts';
import { otherWords, type Place } from '../../../src/core/other-words.ts';
import { suggestion } from '../../../src/core/suggestion.ts';
import { readSubmitOptions } from '../../../src/job/submit-options.ts';
import { readAcquireOptions } from '../../../src/lease/acquire-options.ts';
import { LeasedExecutorManager } from '../../../src/lease/manager.ts';
import { readManagerOptions } from '../../../src/lease/manager-options.ts';

/** Reads one option at its place; what else is missing there is no matter. */
const readers: Readonly<Record<Place, (option: string) => unknown>> = {
  LeasedExecutorManager: (option) => readManagerOptions({ [option]: undefined }),
  workerOptions: (option) => readManagerOptions({ workerOptions: { [option]: undefined } }),
  WorkGrinder: (option) => readGrinderOptions({ [option]: undefined }),
  'submit()': (option) => readSubmitOptions('submit()', { [option]: undefined }),
  'map()': (option) => readMapOptions({ [option]: undefined }, undefined as never),
  'acquire()': (option) => readAcquireOptions({ [option]: undefined }, 1),
  'stop()': (option) => new LeasedExecutorManager().stop({ [option]: undefined }),
  WorkerHost: (option) => readHostOptions({ [option]: undefined }),
  bullmqBackend: (option) => readBackendOptions({ [option]: undefined }),
  'leasepool run': (option) => {
    const { problem = '' } = readCommand(['run', `--${option}`]) as { problem?: string };
    if (problem.startsWith('unknown option')) throw new Error(problem);
  },
  'leasepool worker': (option) => {
    if (!(option in workerOptions)) throw new Error('unknown option');
  },
};

async function complaintAbout(place: Place, option: string): Promise<string> {
  try {
    await readers[place](option);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const unknown = /has no option|unknown option/;

const answers = otherWords.flatMap(([words, { is = {} }]) =>
  Object.entries(is).map(([place, option]) => [words, option, place as Place] as const),
);

describe('S24 what other libraries call things', () => {
  test.each(answers)('%s: "%s" is an option of %s', async (_words, option, place) => {
    expect(await complaintAbout(place, option)).not.toMatch(unknown);
  });

  test.each(Object.keys(readers) as Place[])(
    'an option that there is not is refused by %s',
    async (place) => {
      expect(await complaintAbout(place, 'no-such-option')).toMatch(unknown);
    },
  );

  test('each word is there once, and answered', () => {
    const words = otherWords.flatMap(([each]) => each.split(' '));
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([]);
    expect(words.filter((word) => !/^[a-z][A-Za-z]+$/.test(word))).toEqual([]);
    for (const [each, { is, note }] of otherWords) expect([each, is ?? note]).not.toEqual([each, undefined]);
    for (const [, { note = 'Nothing.' }] of otherWords) expect(note).toMatch(/^[A-Z].*\.$/);
  });

  /** Of their documentation. */
  const theirs = {
    piscina:
      'filename name minThreads maxThreads idleTimeout maxQueue concurrentTasksPerWorker atomics resourceLimits env argv execArgv workerData taskQueue niceIncrement trackUnmanagedFds closeTimeout recordTiming loadBalancer workerHistogram transferList abortSignal',
    tinypool: 'runtime isolateWorkers terminateTimeout maxMemoryLimitBeforeRecycle',
    workerpool:
      'minWorkers maxWorkers maxQueueSize workerType workerTerminateTimeout forkArgs forkOpts workerThreadOpts onCreateWorker onTerminateWorker queueStrategy',
    poolifier:
      'workerChoiceStrategy workerChoiceStrategyOptions restartWorkerOnError enableEvents enableTasksQueue tasksQueueOptions startWorkers errorHandler messageHandler exitHandler onlineHandler workerOptions',
    'jest-worker':
      'numWorkers maxRetries exposedMethods forkOptions setupArgs enableWorkerThreads idleMemoryLimit computeWorkerKey workerSchedulingPolicy taskQueue resourceLimits',
    'threads.js': 'size name concurrency maxQueuedJobs',
    'p-queue': 'concurrency autoStart interval intervalCap timeout throwOnTimeout queueClass priority',
    'p-limit': 'concurrency',
    BullMQ: 'concurrency limiter lockDuration stalledInterval maxStalledCount attempts backoff delay repeat',
    'generic-pool': 'acquireTimeoutMillis idleTimeoutMillis',
    'Python executors': 'max_workers initializer initargs max_tasks_per_child chunksize',
  };
  const known = {
    LeasedExecutorManager: ['workerOptions', 'workerData', 'idleSeconds'],
    WorkGrinder: ['maxQueueSize'],
  };

  test.each(Object.entries(theirs))('the words of %s are answered', (_library, words) => {
    for (const word of words.split(' ')) {
      if (Object.values(known).flat().includes(word)) continue;
      for (const place of ['LeasedExecutorManager', 'WorkGrinder', 'submit()', 'acquire()'])
        expect([word, place, suggestion(place, word, [])]).not.toEqual([word, place, '']);
    }
  });
});
