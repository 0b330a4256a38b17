import { readObjectWith } from './options.ts';

/** Minimal logger; `console` fits, and so does pino behind one line. Silent unless given. */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** The logger of those who gave none. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The logger to use: a logger that throws must not take the pool with it. */
export function readLogger(value: unknown): Logger {
  const logger = readObjectWith<Logger>('logger', value, ['debug', 'info', 'warn', 'error']);
  if (logger === undefined) return silentLogger;
  const guarded =
    (level: keyof Logger) =>
    (message: string, fields?: object): void => {
      try {
        logger[level](message, fields);
      } catch {
        // Nowhere left to report it to.
      }
    };
  return { debug: guarded('debug'), info: guarded('info'), warn: guarded('warn'), error: guarded('error') };
}
