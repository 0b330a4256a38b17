import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  step(): void;
  end(): void;
}

/** A bar on a terminal, otherwise a line a second; on stderr, so that stdout has the table only. */
export function showProgress(label: string, total: number): Progress {
  return process.stderr.isTTY ? bar(label, total) : lines(label, total);
}

function bar(label: string, total: number): Progress {
  const format = `${label.padEnd(8)} {bar} {percentage}% | {value} of {total} files`;
  const single = new SingleBar({ format, hideCursor: true }, Presets.shades_classic);
  single.start(total, 0);
  return { step: () => single.increment(), end: () => single.stop() };
}

function lines(label: string, total: number): Progress {
  let done = 0;
  let shownAt = 0;
  const show = (): void => {
    shownAt = performance.now();
    console.error(`${label}: ${done} of ${total} files`);
  };
  show();
  return {
    step(): void {
      done += 1;
      if (performance.now() - shownAt > 1000) show();
    },
    end: show,
  };
}
