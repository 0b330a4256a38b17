import { exitCodeOf } from './exit-code.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C and its like: the first one asks, the second one ends the process. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #onFirst: () => void;
  #exitCode: number | undefined;

  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
    for (const name of signals) process.on(name, this.#hear);
  }

  /** Aborts at the first one. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** That of a command which has been interrupted, whatever it came to. */
  exitCodeOr(exitCode: number): number {
    return this.#exitCode ?? exitCode;
  }

  readonly #hear = (name: NodeJS.Signals): void => {
    if (this.#exitCode !== undefined) process.exit(this.#exitCode);
    this.#exitCode = exitCodeOf(name);
    this.#controller.abort(name);
    this.#onFirst();
  };

  stopListening(): void {
    for (const name of signals) process.off(name, this.#hear);
  }
}
