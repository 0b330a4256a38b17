/**
 * What other pools, queues and limiters call things: piscina, tinypool, workerpool, poolifier, jest-worker, threads.js,
 * p-queue, p-limit, BullMQ, generic-pool and Python's executors. Who comes from one of them is told our word.
 */

/** Whose options they are, as error messages call them. */
export type Place =
  | 'LeasedExecutorManager'
  | 'workerOptions'
  | 'WorkGrinder'
  | 'submit()'
  | 'map()'
  | 'acquire()'
  | 'stop()'
  | 'WorkerHost'
  | 'bullmqBackend'
  | 'leasepool run'
  | 'leasepool worker';

type OurWords = Readonly<Partial<Record<Place, string>>>;

export interface OtherWord {
  /** Our word, by place. The first one is named where there is none. */
  readonly is?: OurWords;
  /** What to know of it; without a word of ours, what to do instead. */
  readonly note?: string;
  /** It means this where we have a word, and elsewhere something of which only the note tells. */
  readonly isHereOnly?: boolean;
}

const workers: OurWords = {
  LeasedExecutorManager: 'workersPerPool',
  'leasepool run': 'workers',
  'leasepool worker': 'workers',
};
const ofJobs = (option: string): OurWords => ({ 'submit()': option, 'map()': option });
const connection: OtherWord = {
  is: { WorkerHost: 'connection', bullmqBackend: 'connection', 'leasepool worker': 'redis' },
  isHereOnly: true,
};
const logger: OtherWord = {
  is: { LeasedExecutorManager: 'logger', WorkGrinder: 'logger', WorkerHost: 'logger' },
  note: 'Events are published on channels of node:diagnostics_channel.',
};

/** Their words, of one meaning in a row, and what we have for it. */
export const otherWords: readonly (readonly [words: string, meaning: OtherWord])[] = [
  // Workers
  [
    'maxThreads maxWorkers size numWorkers numThreads numberOfWorkers numberOfThreads poolSize threads workers workerCount threadCount jobs maxProcesses processes parallelism nWorkers',
    { is: workers },
  ],
  [
    'minThreads minWorkers minProcesses',
    {
      is: { LeasedExecutorManager: 'minPools' },
      note: 'A pool has all of its workers; what comes and goes are pools.',
    },
  ],
  ['concurrency maxConcurrency concurrencyLimit', { is: { ...workers, 'leasepool worker': 'pools' } }],
  [
    'concurrentTasksPerWorker tasksPerWorker maxConcurrentTasks workerConcurrency',
    { is: workers, note: 'A worker runs one job at a time, also one that returns a promise.' },
  ],
  ['idleTimeout idleTime maxIdleTime idleTimeoutMillis', { is: { LeasedExecutorManager: 'idleSeconds' } }],
  [
    'workerType runtime enableWorkerThreads useWorkerThreads poolType workerKind',
    {
      is: { LeasedExecutorManager: 'backend', 'leasepool run': 'backend', 'leasepool worker': 'backend' },
      note: 'It is "thread", "process" or "inline".',
    },
  ],
  ['env', { is: { workerOptions: 'env' } }],
  ['execArgv nodeOptions execFlags', { is: { workerOptions: 'execArgv' } }],
  ['resourceLimits', { is: { workerOptions: 'resourceLimits' } }],
  ['stdout', { is: { workerOptions: 'stdout' } }],
  ['stderr', { is: { workerOptions: 'stderr' } }],
  [
    'workerThreadOpts workerThreadOptions threadOptions forkOpts forkOptions spawnOptions',
    { is: { LeasedExecutorManager: 'workerOptions' } },
  ],
  [
    'argv forkArgs initargs initialData',
    { is: { LeasedExecutorManager: 'workerData' }, note: 'A job reads it with workerData().' },
  ],
  ['workerData', { is: { LeasedExecutorManager: 'workerData' } }],
  ['initializer setupFile setupArgs bootstrap require imports', { is: { LeasedExecutorManager: 'preload' } }],
  [
    'maxMemoryLimitBeforeRecycle idleMemoryLimit workerIdleMemoryLimit memoryLimit maxMemory',
    {
      is: { workerOptions: 'resourceLimits' },
      note: 'No worker is replaced between jobs for its memory; one that exceeds its limits ends with its job.',
    },
  ],
  [
    'isolateWorkers maxTasksPerWorker maxTasksPerChild maxJobsPerWorker maxUses',
    { note: 'A worker stays until it dies; stop() and start() of the manager replace all.' },
  ],
  ['restartWorkerOnError', { note: 'A worker that dies is always replaced.' }],
  [
    'atomics useAtomics',
    { note: 'Workers need no such choice: they wait for messages, and their event loops go on meanwhile.' },
  ],
  ['serialization', { note: 'Values are always copied as structuredClone() does it.' }],
  ['niceIncrement', { note: 'A module that workers preload may call os.setPriority().' }],
  ['trackUnmanagedFds stdin', { note: 'Workers have nothing of the kind.' }],

  // Tasks
  [
    'filename file script workerFile workerPath workerScript workerUrl processor exposedMethods taskFunctions',
    {
      is: { 'leasepool run': 'input', 'leasepool worker': 'tasks' },
      isHereOnly: true,
      note: 'A task is a function: name those of a module with defineTasks(), or reach them with importTasks(), and give one to submit().',
    },
  ],
  [
    'name',
    {
      is: { LeasedExecutorManager: 'namePrefix', WorkGrinder: 'ownerPrefix' },
      isHereOnly: true,
      note: 'A task goes by its function, which is given to submit().',
    },
  ],
  ['transferList transferables', { is: { 'submit()': 'transfer' } }],
  ['abortSignal cancelSignal', { is: { ...ofJobs('signal'), 'acquire()': 'signal' } }],
  ['label tag description', { is: { ...ofJobs('owner'), 'acquire()': 'owner' } }],

  // Time
  [
    'timeout taskTimeout jobTimeout runTimeout executionTimeout maxRunTime timeoutMs',
    { is: { ...ofJobs('timeoutSeconds'), 'leasepool run': 'timeout' } },
  ],
  ['queueTimeout waitTimeout queueTimeoutMs', { is: ofJobs('queueTimeoutSeconds') }],
  ['acquireTimeout acquireTimeoutMillis', { is: { 'acquire()': 'timeoutSeconds' } }],
  [
    'closeTimeout terminateTimeout workerTerminateTimeout killTimeout shutdownTimeout drainTimeout gracePeriod',
    { is: { 'stop()': 'timeoutSeconds', 'leasepool worker': 'drain-seconds' } },
  ],
  [
    'leaseTimeout leaseDuration leaseTime visibilityTimeout ttl',
    {
      is: {
        'acquire()': 'leaseSeconds',
        WorkGrinder: 'leaseSeconds',
        LeasedExecutorManager: 'defaultLeaseSeconds',
      },
    },
  ],

  // The queue
  [
    'maxQueue queueSize queueLimit maxPending maxQueued maxQueuedJobs maxQueueLength',
    { is: { WorkGrinder: 'maxQueueSize', 'leasepool run': 'concurrency' } },
  ],
  [
    'enableTasksQueue tasksQueueOptions queueOptions',
    { is: { WorkGrinder: 'maxQueueSize' }, note: 'A grinder always has a queue.' },
  ],
  [
    'taskQueue queueClass queueStrategy priority lifo workerChoiceStrategy workerChoiceStrategyOptions workerSchedulingPolicy loadBalancer computeWorkerKey',
    { note: 'Jobs begin in the order in which they were accepted, each on a worker that is free.' },
  ],
  [
    'batchSize batch chunkSize maxBatchItems',
    {
      is: { WorkGrinder: 'batchSizeThreshold', 'leasepool run': 'batch', bullmqBackend: 'maxChunkItems' },
    },
  ],
  [
    'maxWait linger lingerMs maxDelay flushInterval batchTimeout batchWindow batchInterval',
    { is: { WorkGrinder: 'maxWaitSeconds' } },
  ],
  [
    'maxRetries retries retry attempts retryDelay backoff',
    { note: 'Nothing is tried again by itself: submit() it again when its promise rejects.' },
  ],
  ['autoStart startWorkers paused', { note: 'It starts with start().' }],
  ['interval intervalCap rateLimit throttle', { note: 'Nothing bounds how often jobs begin.' }],
  ['throwOnTimeout', { note: 'What takes too long always rejects.' }],
  ['delay repeat', { note: 'A job is due when it is submitted.' }],
  ['stopOnError', { is: { 'map()': 'settled' } }],
  ['preserveOrder keepOrder', { is: { 'map()': 'ordered', 'leasepool run': 'unordered' } }],

  // Seeing
  [
    'recordTiming workerHistogram enableHistogram histograms measurement measurements statistics',
    { note: 'Times are always recorded: see stats().', isHereOnly: true },
  ],
  [
    'onCreateWorker onTerminateWorker errorHandler messageHandler onlineHandler exitHandler onError enableEvents events log debug',
    logger,
  ],

  // A fleet
  ['host port url redis redisUrl redisOptions client', connection],
  ['queueName', { is: { WorkerHost: 'queue', bullmqBackend: 'queue', 'leasepool worker': 'queue' } }],
  [
    'lockDuration stalledInterval lockRenewTime',
    { is: { WorkerHost: 'lockSeconds', 'leasepool worker': 'lock-seconds' } },
  ],
  ['maxStalledCount', { is: { bullmqBackend: 'maxHostDeaths' } }],
  ['limiter globalConcurrency', { is: { WorkerHost: 'fleetLimit', 'leasepool worker': 'fleet-limit' } }],
];
