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

/**
 * A bar on a terminal, by cli-progress, which whoever wants one installs: the package has no dependency.
 *
 * @param total bytes of the input, where that is known
 * @param onMissing told when it is not installed
 */
export async function showProgress(
  stream: NodeJS.WritableStream,
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
  const counts = '{lines} lines, {failed} failed, {duration_formatted}';
  const format = total === undefined ? counts : `{bar} {percentage}% | ${counts} | {eta_formatted} left`;
  const bar = new library.SingleBar(
    { format, stream, hideCursor: true, forceRedraw: true, gracefulExit: false, etaBuffer: 1000 },
    library.Presets.shades_classic,
  );
  bar.start(total ?? 0, 0, { lines: 0, failed: 0 });
  return {
    show: ({ lines, failed, bytes }) => bar.update(bytes, { lines, failed }),
    clear: clearLine,
    end: () => bar.stop(),
  };
}
