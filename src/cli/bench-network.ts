/** The bundled network on cubes of the generated map: on the CPU, and on the GPU that onnxruntime takes. */
import { timeBatches } from '../bench/clock.ts';
import { checkGate } from '../bench/gate.ts';
import type { BenchInputs } from '../bench/inputs.ts';
import type { StageRecord } from '../bench/record.ts';
import { isLocScaleError } from '../errors.ts';
import type { GpuAdapterEntry } from '../gpu/adapters.ts';
import { openNetwork } from '../open-network.ts';
import { type Session, vulkanLoaderFromEnvironment } from './session.ts';

/** Relative L2 between providers: float32 sums in another order. */
const LIMIT = 5e-5;

/**
 * Times of one cube per provider; a provider that cannot run or is wrong goes to `leftOut` with its reason.
 */
export interface NetworkStages {
  readonly cpu?: StageRecord;
  readonly gpu?: StageRecord;
  /** Index of the GPU that `gpu` was measured on: the first hardware GPU. */
  readonly gpuIndex?: number;
  readonly leftOut: readonly string[];
}

/**
 * Measures the CPU provider first, because its output is the reference of the GPU's. `seconds`: per provider,
 * about. Only an abort throws.
 */
export async function networkStages(
  session: Session,
  settings: {
    readonly threads: number;
    readonly gpus: readonly GpuAdapterEntry[];
    readonly inputs: BenchInputs;
    readonly seconds: number;
  },
): Promise<NetworkStages> {
  const { threads, gpus, inputs, seconds } = settings;
  const leftOut: string[] = [];
  const run = async (
    provider: 'cpu' | 'auto',
    expected?: Float32Array,
  ): Promise<{ stage: StageRecord; result: Float32Array; provider: string } | undefined> => {
    try {
      const predictor = await openNetwork({ provider, threads, ...vulkanLoaderFromEnvironment() });
      try {
        const { cubeEdge } = predictor.manifest;
        const title = `network, cube of ${cubeEdge}^3`;
        session.logger.line(`${provider === 'cpu' ? 'CPU' : 'GPU'}: ${title}`);
        // A copy for each call: a provider may keep or overwrite its input.
        const cube = cubeOf(inputs, cubeEdge);
        const result = await predictor.predict(cube.slice(), 1);
        const gate = expected && checkGate(`${title} against onnxruntime's CPU`, result, expected, LIMIT);
        const { median, runs } = await timeBatches(() => predictor.predict(cube.slice(), 1), {
          seconds,
          // `predict` resolves when the result has been read back, so that nothing is left to wait for.
          settle: async () => undefined,
        });
        const stage = { name: 'network', title, seconds: median, runs, gate };
        return { stage, result, provider: predictor.description };
      } finally {
        await predictor.dispose();
      }
    } catch (error) {
      if (isLocScaleError(error) && error.tag === 'aborted') throw error;
      leftOut.push(`network (${provider}): ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const onCpu = await run('cpu');
  const first = gpus.find(({ kind }) => kind === 'hardware');
  const onGpu = onCpu && first && (await run('auto', onCpu.result));
  // Without a result of the CPU there is nothing to compare with, and the GPU is not measured.
  return {
    cpu: onCpu?.stage,
    gpu: onGpu && { ...onGpu.stage, provider: onGpu.provider },
    gpuIndex: first?.index,
    leftOut,
  };
}

/** Cube (z, y, x) from the middle of the map, x fastest; a box smaller than the cube repeats periodically. */
function cubeOf({ map, shape: [edge] }: BenchInputs, cubeEdge: number): Float32Array {
  const first = Math.max(0, Math.floor((edge - cubeEdge) / 2));
  const at = (k: number): number => (first + k) % edge;
  return Float32Array.from({ length: cubeEdge ** 3 }, (_, i) => {
    const [z, y, x] = [Math.floor(i / cubeEdge ** 2), Math.floor(i / cubeEdge) % cubeEdge, i % cubeEdge];
    return map[(at(z) * edge + at(y)) * edge + at(x)];
  });
}
