/**
 * Limits how often Dawn polls the GPU. Its Node binding polls on every turn of the event loop
 * (`setImmediate`) while anything is awaited, which occupies a core that a software GPU needs. Here it polls
 * continuously for a moment, then every millisecond, and less often the longer it waits. Hardware GPUs are polled as before, and the global
 * function is unchanged.
 */

/** Short waits end while Dawn polls on every turn, sooner than with a timer. */
const EAGER_MILLISECONDS = 1;
const SHORTEST_PAUSE_MILLISECONDS = 1;
const LONGEST_PAUSE_MILLISECONDS = 8;
/** Of the wait until now. */
const PAUSE_SHARE = 0.02;

type Callback = (...values: unknown[]) => void;

/** `immediate`, but delayed if the callback is Dawn's and the wait is no longer short. */
export function paceDawn(
  immediate: typeof setImmediate,
  pause: (callback: Callback, milliseconds: number) => unknown = setTimeout,
  now: () => number = () => performance.now(),
): typeof setImmediate {
  let waitingSince: number | undefined;
  let looksAgain = false;
  const paced = (callback: Callback, ...values: unknown[]) => {
    if (!isNative(callback)) return immediate(callback, ...values);
    looksAgain = true;
    waitingSince ??= now();
    const look = (): void => {
      looksAgain = false;
      callback(...values);
      // Dawn did not poll again, so nothing is awaited: the next poll begins a new wait.
      if (!looksAgain) waitingSince = undefined;
    };
    const waited = now() - waitingSince;
    return waited < EAGER_MILLISECONDS ? immediate(look) : pause(look, pauseAfter(waited));
  };
  return Object.defineProperties(paced, Object.getOwnPropertyDescriptors(immediate)) as typeof setImmediate;
}

function pauseAfter(waited: number): number {
  return Math.min(
    LONGEST_PAUSE_MILLISECONDS,
    Math.max(SHORTEST_PAUSE_MILLISECONDS, Math.floor(PAUSE_SHARE * waited)),
  );
}

/**
 * Functions of C++ add-ons have a prototype and no name; bound and built-in functions differ in one of the
 * two.
 */
function isNative(callback: Callback): boolean {
  return (
    callback.name === '' &&
    Object.hasOwn(callback, 'prototype') &&
    Function.prototype.toString.call(callback) === 'function () { [native code] }'
  );
}
