/** The engines that engine tests run on: one body, each engine. */
import { describe } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { createGpuEngine } from '../../src/gpu/index.ts';
import { describeMissing, findTestAdapter, sharedDevice } from './gpu-device.ts';
import { usesOwnDriver } from './software-gpu.ts';

interface EngineUnderTest {
  readonly name: string;
  create(): Promise<Engine>;
}

const adapter = await findTestAdapter();
const missingGpu = 'reason' in adapter ? adapter.reason : undefined;

/**
 * Under Deno, and on a driver that is not the tests' own, the GPU alone where there is one: neither changes what
 * the CPU engine computes (its threads under Deno have tests of their own, test/unit/cpu-fallback).
 */
const gpuAlone = missingGpu === undefined && ('Deno' in globalThis || usesOwnDriver);

const ENGINES: readonly EngineUnderTest[] = [
  ...(gpuAlone ? [] : [{ name: 'cpu', create: () => createCpuEngine({ threads: 2 }) }]),
  ...('reason' in adapter
    ? []
    : [{ name: 'gpu', create: async () => createGpuEngine(await sharedDevice()) }]),
];

/** One of each for all test files of a process. */
const started = new Map<EngineUnderTest, Promise<Engine>>();

/**
 * `body` gets a function that returns the engine, which is started on first use and ends with the process.
 */
export function describeEngines(name: string, body: (engine: () => Promise<Engine>) => void): void {
  for (const candidate of ENGINES) {
    describe(`${name} (${candidate.name})`, () => {
      body(() => {
        const engine = started.get(candidate) ?? candidate.create();
        started.set(candidate, engine);
        return engine;
      });
    });
  }
  if (missingGpu !== undefined)
    describeMissing(name, missingGpu, () => body(() => Promise.reject(new Error(missingGpu))));
}
