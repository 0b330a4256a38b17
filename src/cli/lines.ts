import type { Readable } from 'node:stream';

export interface Line {
  /** The first line is 1. */
  readonly number: number;
  /** `undefined` for a line that is too long to be kept. */
  readonly text: string | undefined;
  /** What it took of the input, its end included. */
  readonly bytes: number;
}

const newLine = 0x0a;

/**
 * The lines of a stream of bytes, one at a time and only as fast as they are asked for. `node:readline` reads ahead,
 * keeps a line of any length, and forgets errors of its input. What follows the last line end is a line too. Once the
 * signal has aborted there are no more, also of what has been read.
 *
 * @param mostBytes of one line; a longer one is passed over without being kept
 */
export async function* readLines(
  input: Readable,
  { mostBytes, signal }: { readonly mostBytes: number; readonly signal: AbortSignal },
): AsyncGenerator<Line, void> {
  const line = new LineSoFar(mostBytes);
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(newLine); end !== -1; end = chunk.indexOf(newLine, start)) {
        if (signal.aborted) return;
        line.add(chunk.subarray(start, end + 1));
        yield line.take();
        start = end + 1;
      }
      line.add(chunk.subarray(start));
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  if (!signal.aborted && line.bytes > 0) yield line.take();
}

/** Pieces are put together once, so that a long line takes no longer than as many short ones. */
class LineSoFar {
  readonly #mostBytes: number;
  #number = 1;
  #pieces: Buffer[] = [];
  bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  add(piece: Buffer): void {
    this.bytes += piece.length;
    if (this.bytes > this.#mostBytes) this.#pieces = [];
    else if (piece.length > 0) this.#pieces.push(piece);
  }

  take(): Line {
    const { bytes } = this;
    const isTooLong = bytes > this.#mostBytes;
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.bytes = 0;
    return { number: this.#number++, text: isTooLong ? undefined : whole.toString('utf8'), bytes };
  }
}
