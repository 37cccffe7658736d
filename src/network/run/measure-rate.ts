/**
 * How long a network will take for a cube: measured as it will run, all sessions at once, when they are warm.
 */

/** What is measured: a session, or what stands for one in a test. */
export interface RatedSession {
  run(cubes: Float32Array, count: number): Promise<Float32Array>;
}

/** A first round longer than this, in seconds, is not repeated: start-up is a small part of it. */
const LONG_ROUND = 3;

/**
 * Seconds per cube of all sessions together. One session alone has the memory and the caches of all to
 * itself, and is up to three times as fast as each of several; its first run also allocates and plans.
 * `cube`: one cube; `count`: cubes of a batch; `now`: a clock in milliseconds.
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
