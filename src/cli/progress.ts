import type { WriteStream } from 'node:tty';
import { systemClock } from '../backend.ts';
import { barText, isWideLocale } from './bar.ts';

/** What has been done so far. */
export interface Tally {
  lines: number;
  failed: number;
  /** Of the input. */
  bytes: number;
}

/** Shows what has been done; texts that others write to the same terminal go through it. */
export interface Progress {
  show(tally: Readonly<Tally>): void;
  /** A text to print before some other is written there: it takes the bar away until it is drawn again. */
  readonly clear: string;
  end(): void;
}

export const noProgress: Progress = { show: () => {}, clear: '', end: () => {} };

/** The cursor goes to the beginning of its line, and what is there goes away. */
const clearLine = '\r\u001B[K';
/** … and what is below: a line that no longer fits its terminal may have been wrapped. */
const clearBelow = '\r\u001B[J';
/** The cursor is seen, and lines are wrapped. */
const asBefore = '\u001B[?25h\u001B[?7h';
/** The library saves where the cursor was, and goes back there at the end: other texts have moved it on. */
const cursorPlaces: ReadonlySet<string> = new Set(['\u001B7', '\u001B8']);

/**
 * A bar on a terminal, by cli-progress, which whoever wants one installs: the package has no dependency. It fits the
 * columns that the terminal has at the moment.
 *
 * @param total bytes of the input, where that is known
 * @param onMissing told when it is not installed
 */
export async function showProgress(
  stream: WriteStream,
  total: number | undefined,
  onMissing: () => void,
): Promise<Progress> {
  let library: typeof import('cli-progress');
  try {
    library = await import('cli-progress');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    onMissing();
    return noProgress;
  }
  const tally: Tally = { lines: 0, failed: 0, bytes: 0 };
  const began = systemClock.now();
  const isWide = isWideLocale(process.env);
  const format = (_options: unknown, { eta }: { readonly eta: number | string }): string => {
    const share = total === undefined ? undefined : Math.min(1, tally.bytes / total);
    const elapsedSeconds = (systemClock.now() - began) / 1000;
    return barText(
      { ...tally, share, elapsedSeconds, secondsLeft: Number(eta) },
      stream.columns || 80,
      isWide,
    );
  };
  const write = (text: string): boolean => cursorPlaces.has(text) || stream.write(text);
  const screen = { isTTY: true, write } as unknown as NodeJS.WritableStream;
  const bar = new library.SingleBar({
    format,
    stream: screen,
    hideCursor: true,
    forceRedraw: true,
    gracefulExit: false,
    etaBuffer: 1000,
  });
  // A process that ends at once must leave a terminal that others can use.
  const restore = (): void => void stream.write(`\n${asBefore}`);
  const resized = (): void => void stream.write(clearBelow);
  process.on('exit', restore);
  stream.on('resize', resized);
  bar.start(total ?? 0, 0);
  return {
    show: (now) => {
      Object.assign(tally, now);
      bar.update(now.bytes);
    },
    clear: clearLine,
    end: () => {
      process.off('exit', restore);
      stream.off('resize', resized);
      bar.stop();
    },
  };
}
