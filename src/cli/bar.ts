/** What a bar shows. */
export interface BarState {
  readonly lines: number;
  readonly failed: number;
  readonly elapsedSeconds: number;
  /** How much of the input has been done, from 0 to 1; `undefined` when nobody knows how much there is. */
  readonly share: number | undefined;
  /** Not a finite number when it cannot be told. */
  readonly secondsLeft: number;
}

const longestBar = 40;
const shortestBar = 5;

/**
 * One line of at most `columns` columns, less one that keeps the cursor in it: what matters least is left out first.
 * Pure.
 * @param isWide the terminal draws the signs of the bar, whose width is ambiguous, two columns wide
 */
export function barText(state: BarState, columns: number, isWide: boolean): string {
  const { share } = state;
  const room = Math.max(0, columns - 1);
  const percent = share === undefined ? '' : `${Math.floor(share * 100)}%`;
  const behind = textsOf(state).map((text) => (percent === '' ? text : `${percent} | ${text}`));
  const fitting = [...behind, percent].find((text) => text.length <= room) ?? '';
  if (share === undefined) return fitting;
  const signs = isWide ? 2 : 1;
  // Rather a short bar with few words than none with many.
  const text = behind.find((each) => each.length + 1 + shortestBar * signs <= room);
  if (text === undefined) return fitting;
  const length = Math.min(longestBar, Math.floor((room - text.length - 1) / signs));
  const done = Math.round(share * length);
  return `${'█'.repeat(done)}${'░'.repeat(length - done)} ${text}`;
}

/** The longest first. */
function textsOf({ lines, failed, elapsedSeconds, share, secondsLeft }: BarState): string[] {
  const short = `${number(lines)} lines`;
  const counts = `${short}, ${number(failed)} failed`;
  const timed = `${counts}, ${time(elapsedSeconds)}`;
  const left = `${timed} | ${time(secondsLeft)} left`;
  const hasEnd = share !== undefined && Number.isFinite(secondsLeft);
  return [...(hasEnd ? [left] : []), timed, counts, short, number(lines)];
}

const number = (count: number): string => count.toLocaleString('en-US');

function time(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h${Math.floor((whole % 3600) / 60)}m`;
}

/** Whether a terminal of this locale is likely to draw signs of ambiguous width in two columns. */
export function isWideLocale({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean {
  return /^(?:zh|ja|ko)/i.test(LC_ALL || LC_CTYPE || LANG || '');
}
