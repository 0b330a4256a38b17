import type { ExecutorCreateOptions } from '../../src/executor/executor.ts';
import type { Logger } from '../../src/core/logger.ts';

/** What was logged: `[level, message, fields]`. */
export type LogEntries = [level: keyof Logger, message: string, fields: any][];

/** A logger that keeps its entries. */
export function keepingLogger(): { logger: Logger; entries: LogEntries } {
  const entries: LogEntries = [];
  const at = (level: keyof Logger) => (message: string, fields?: object) =>
    void entries.push([level, message, fields]);
  return { entries, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

export function executorOptions(given: Partial<ExecutorCreateOptions> = {}): ExecutorCreateOptions {
  return {
    workers: 1,
    name: 'pool-1',
    asyncTasks: 'await',
    preload: [],
    workerData: undefined,
    startTimeoutSeconds: 30,
    workerOptions: undefined,
    logger: keepingLogger().logger,
    ...given,
  };
}
