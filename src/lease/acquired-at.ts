import { Error, Reflect, String } from '../core/globals.ts';
const { captureStackTrace } = Error;
/** Frames that are kept: each costs time. */
const frameLimit = 5;

type AnyFunction = (...args: never[]) => unknown;

/**
 * The place in the program where a lease was acquired. Taking it is cheap, its text is not, and is made when it is
 * asked for. Until then it keeps alive what the functions on the stack were called on.
 */
export class AcquiredAt {
  #frames: { readonly stack?: string } | undefined;
  #text = '';

  /** @param above the function whose caller it is */
  constructor(above: AnyFunction) {
    const frames = {};
    const { stackTraceLimit } = Error;
    const isLimited = stackTraceLimit > frameLimit && Reflect.set(Error, 'stackTraceLimit', frameLimit);
    captureStackTrace(frames, above);
    if (isLimited) Error.stackTraceLimit = stackTraceLimit;
    this.#frames = frames;
  }

  /** The lines of a stack trace, the caller first. */
  get text(): string {
    if (this.#frames !== undefined) this.#text = linesOf(this.#frames);
    this.#frames = undefined;
    return this.#text;
  }
}

function linesOf(frames: { readonly stack?: string }): string {
  try {
    // The program may have a way of its own to prepare stack traces.
    return String(frames.stack)
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .join('\n');
  } catch {
    return '';
  }
}
