/** How often Dawn looks whether a GPU has finished; gpu-device.test.ts counts how often it does so. */
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { paceDawn } from '../../../src/platform/dawn-polling.ts';

/** A function as add-ons make them: native code with a prototype and no name. */
function native(callback: () => void): () => void {
  class Callable {}
  return new Proxy(Callable, {
    get: (target, key) => (key === 'name' ? '' : Reflect.get(target, key)),
    apply: callback,
  }) as unknown as () => void;
}

describe('setImmediate for Dawn', () => {
  function recorded() {
    const calls: string[] = [];
    const run: (() => void)[] = [];
    let time = 0;
    const note = (name: string) => (callback: () => void, milliseconds?: number) => {
      calls.push(milliseconds === undefined ? name : `${name} ${milliseconds}`);
      run.push(callback);
    };
    const paced = paceDawn(note('immediate') as typeof setImmediate, note('pause'), () => time);
    return { calls, run, paced, at: (t: number) => (time = t) };
  }

  it('looks in every turn for a millisecond, then after pauses that grow; the next wait begins anew', () => {
    const { calls, run, paced, at } = recorded();
    let waiting = true;
    const look = native(() => {
      if (waiting) paced(look);
    });
    paced(look);
    for (const time of [0.5, 0.9, 1.1, 7, 150, 10_000]) {
      at(time);
      run.pop()!();
    }
    expect(calls).toEqual([
      'immediate',
      'immediate',
      'immediate',
      'pause 1',
      'pause 1',
      'pause 3',
      'pause 8',
    ]);
    waiting = false;
    run.pop()!();
    paced(look);
    expect(calls.at(-1)).toBe('immediate');
  });

  it('is what it was for every other callback', async () => {
    const { calls, paced } = recorded();
    const named = () => undefined;
    for (const callback of [named, () => undefined, named.bind(null), Math.cos, class {}]) {
      paced(callback as () => void);
      expect(calls.pop()).toBe('immediate');
    }
    const real = paceDawn(setImmediate);
    expect(await new Promise((resolve) => real((a: number, b: number) => resolve([a, b]), 1, 2))).toEqual([
      1, 2,
    ]);
    expect(await promisify(real)('value')).toBe('value');
    let called = false;
    clearImmediate(
      real(() => {
        called = true;
      }),
    );
    await promisify(real)('later');
    expect(called).toBe(false);
  });
});
