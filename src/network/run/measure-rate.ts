/** Measures the time per cube under the conditions of a run: all sessions concurrently, after warm-up. */

/** A session, or a substitute in tests. */
export interface RatedSession {
  run(cubes: Float32Array, count: number): Promise<Float32Array>;
}

/** A first round longer than this, in seconds, is not repeated: start-up is a small fraction of it. */
const LONG_ROUND = 3;

/**
 * Seconds per cube of all sessions together. A single session has all memory bandwidth and caches to itself
 * and is up to three times as fast as each of several; a first run also allocates and plans. `cube`: one
 * cube; `count`: cubes per batch; `now`: clock in milliseconds.
 */
export async function measureSecondsPerCube(
  sessions: readonly RatedSession[],
  cube: Float32Array,
  count: number,
  now: () => number = () => performance.now(),
): Promise<number> {
  const batch = new Float32Array(count * cube.length);
  for (let i = 0; i < count; i++) batch.set(cube, i * cube.length);
  const round = async (): Promise<number> => {
    const begun = now();
    await Promise.all(sessions.map((session) => session.run(batch, count)));
    return (now() - begun) / 1000;
  };
  const first = await round();
  const seconds = first > LONG_ROUND ? first : await round();
  return seconds / (count * sessions.length);
}
