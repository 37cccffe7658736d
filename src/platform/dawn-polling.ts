/**
 * How often Dawn looks whether the GPU has finished. Its binding for Node does so in every turn of the event
 * loop (`setImmediate`) as long as anything is awaited, which keeps a core busy that a software GPU could
 * compute on. Here it does so for a moment, then once a millisecond. Hardware keeps the shorter waits, and
 * the global function is left alone.
 */

/** Short waits end while Dawn looks in every turn, sooner than a timer would. */
const EAGER_MILLISECONDS = 1;
const PAUSE_MILLISECONDS = 1;

type Callback = (...values: unknown[]) => void;

/** `immediate`, but later where the callback is Dawn's and the wait is no longer a short one. */
export function paceDawn(
  immediate: typeof setImmediate,
  pause: (callback: Callback) => unknown = (callback) => setTimeout(callback, PAUSE_MILLISECONDS),
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
      // Nothing is awaited any more: what comes next is another wait.
      if (!looksAgain) waitingSince = undefined;
    };
    return now() - waitingSince < EAGER_MILLISECONDS ? immediate(look) : pause(look);
  };
  return Object.defineProperties(paced, Object.getOwnPropertyDescriptors(immediate)) as typeof setImmediate;
}

/**
 * Functions of C++ add-ons have a prototype and no name; bound functions and those of the language differ in
 * one.
 */
function isNative(callback: Callback): boolean {
  return (
    callback.name === '' &&
    Object.hasOwn(callback, 'prototype') &&
    Function.prototype.toString.call(callback) === 'function () { [native code] }'
  );
}
