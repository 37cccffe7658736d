/**
 * Progress of long steps: a bar with the expected time left on a terminal, elsewhere a plain line
 * every 10 % but at most every 5 seconds, so that log files stay readable.
 */

/** Characters of a full bar. */
const BAR_WIDTH = 30;
// On a terminal the bar is redrawn at most this often; elsewhere a line is printed per 10 % or 5 s.
const REDRAW_MILLISECONDS = 100;
const PLAIN_PERCENT = 10;
const PLAIN_MILLISECONDS = 5000;

/** Called with counts of work done; a new label starts a new bar. */
export interface Progress {
  update(label: string, done: number, total: number): void;
  /** Clears the bar, so that another line can be printed. */
  clear(): void;
}

/** The part of stdout used here. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** `now`: clock in milliseconds, for tests. */
export function createProgress(
  stream: ProgressStream,
  now: () => number = () => performance.now(),
): Progress {
  let label: string | undefined;
  let started = 0;
  let lastDrawn = 0;
  let lastPercent = 0;
  let onScreen = false;
  const clear = (): void => {
    if (onScreen) stream.write('\r\x1b[2K');
    onScreen = false;
  };
  return {
    clear,
    update(nextLabel, done, total) {
      if (total <= 0) return;
      const time = now();
      if (nextLabel !== label) {
        clear();
        label = nextLabel;
        started = time;
        lastDrawn = time;
        lastPercent = 0;
        // The expected time assumes that the work left goes at the mean speed so far.
      }
      const fraction = Math.min(1, done / total);
      const percent = Math.floor(fraction * 100);
      const remaining = fraction > 0 ? ((time - started) / fraction) * (1 - fraction) : undefined;
      const eta = remaining === undefined ? '' : `, ${formatSeconds(remaining / 1000)} left`;
      // A finished bar disappears: the lines that follow state the result.
      if (stream.isTTY === true) {
        if (fraction >= 1) return clear();
        if (onScreen && time - lastDrawn < REDRAW_MILLISECONDS) return;
        const filled = Math.round(fraction * BAR_WIDTH);
        const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}`;
        // Some terminals report a width of 0.
        const text = `  [${bar}] ${String(percent).padStart(3)} % ${nextLabel}${eta}`;
        stream.write(`\r\x1b[2K${text.slice(0, (stream.columns || 80) - 1)}`);
        onScreen = true;
        lastDrawn = time;
        // Neither the start nor the end is a line: the steps themselves are printed by the logger.
      } else if (
        fraction < 1 &&
        percent >= lastPercent + PLAIN_PERCENT &&
        time - lastDrawn >= PLAIN_MILLISECONDS
      ) {
        stream.write(`  ${nextLabel}: ${percent} %${eta}\n`);
        lastDrawn = time;
        lastPercent = percent;
      }
    },
  };
}

/** "0.8 s", "42 s", "3 min 05 s", "2 h 10 min". */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown time';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}
