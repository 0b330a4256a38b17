import type { Logger } from '../index.ts';

/**
 * Tells once, as a warning, what is wrong with a connection: a problem comes again every few seconds while it lasts, and
 * from several sides, and is logged for whoever debugs then.
 */
export class Problems {
  readonly #logger: Logger;
  readonly #told = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  tell(message: string, error: Error): void {
    const isNew = !this.#told.has(error.message);
    this.#told.add(error.message);
    if (isNew) this.#logger.warn(message, { error });
    else this.#logger.debug(message, { error });
  }

  /** All is well: what comes now is news. */
  over(): void {
    this.#told.clear();
  }
}
