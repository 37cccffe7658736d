/** The engines every engine test runs on: one body, each engine. */
import { afterAll, describe } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { openDevice } from '../../src/gpu/adapters.ts';
import { createGpuEngine } from '../../src/gpu/index.ts';
import { describeMissing, findTestAdapter } from './gpu-device.ts';

interface EngineUnderTest {
  readonly name: string;
  create(): Promise<Engine>;
}

const adapter = await findTestAdapter();
const missingGpu = 'reason' in adapter ? adapter.reason : undefined;

const ENGINES: readonly EngineUnderTest[] = [
  { name: 'cpu', create: () => createCpuEngine({ threads: 2 }) },
  ...('reason' in adapter
    ? []
    : [{ name: 'gpu', create: async () => createGpuEngine(await openDevice(adapter)) }]),
];

/** One of each for all tests of a file: a software GPU takes longer to compile the shaders than to run them. */
const started = new Map<EngineUnderTest, Promise<Engine>>();
afterAll(async () => {
  for (const engine of started.values()) await (await engine).dispose();
});

/** `body` gets a function that returns the engine (started on first use, disposed of at the end of the file). */
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
