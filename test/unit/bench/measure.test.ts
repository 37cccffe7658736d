/** The benchmark times right results only. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BenchInputs, makeInputs } from '../../../src/bench/inputs.ts';
import { type Measured, measureEngine } from '../../../src/bench/measure.ts';
import { stages } from '../../../src/bench/stages.ts';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine, Volume } from '../../../src/engine/engine.ts';

const edge = 32;
let engine: Engine;
let inputs: BenchInputs;
let right: Measured;

beforeAll(async () => {
  engine = await createCpuEngine({ inPlace: true });
  inputs = await makeInputs(engine, edge);
  right = await measure(engine);
});
afterAll(() => engine.dispose());

function measure(which: Engine, expected?: Measured['results'], signal = new AbortController().signal) {
  return measureEngine(which, {
    inputs,
    expected,
    seconds: 0,
    copyBytes: 2 ** 16,
    signal,
    onStage: () => undefined,
  });
}

/** The same engine, whose results of some call are off by a share. */
function faulty(call: number, share: number): Engine {
  let calls = 0;
  return new Proxy(engine, {
    get(target, name) {
      if (name === 'download')
        return async (volume: Volume) => {
          const data = await target.download(volume);
          return calls++ === call ? data.map((value) => value * (1 + share)) : data;
        };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('an engine', () => {
  it('with right results has a time and a passed gate for every stage', () => {
    expect(right.failure).toBeUndefined();
    expect(right.stages.map(({ name }) => name)).toEqual(stages.map(({ name }) => name));
    for (const { seconds, gate } of right.stages) {
      expect(seconds).toBeGreaterThan(0);
      expect(gate?.error).toBeLessThan(1e-6);
    }
    expect(right.copy).toBeGreaterThan(0);
  });

  it.each([
    ['filter', 0],
    ['locscale', 1],
  ])('is measured up to a wrong result of %s by the sums', async (name, call) => {
    const { stages: timed, failure } = await measure(faulty(call, 1e-3));
    expect(failure).toMatch(/^wrong result: .* against float64 .*: relative error 1\.00e-3/);
    expect(timed.map((stage) => stage.name)).not.toContain(name);
    expect(timed).toHaveLength(call);
  });

  it('is held to the results of another: 1e-5 off is wrong', async () => {
    const { stages: timed, failure } = await measure(faulty(2, 1e-5), right.results);
    expect(failure).toMatch(/^wrong result: soft scaling against the CPU engine: relative error 1\.00e-5/);
    expect(timed.map(({ name }) => name)).toEqual(['filter', 'locscale']);
  });

  it('stops on request', async () => {
    await expect(measure(engine, undefined, AbortSignal.abort())).rejects.toMatchObject({ tag: 'aborted' });
  });
});
