/** One onnxruntime session of a reference network on one device. */
import { LocScaleError, named } from '../../errors.ts';
import { firstLine } from '../../platform/first-line.ts';
import type { Onnxruntime } from '../../platform/index.ts';
import { fillDropoutMask } from '../graph/dropout-masks.ts';
import type { MonteCarloPass, NetworkManifest } from '../graph/model.ts';
import type { ProviderName } from './provider-names.ts';

/** Where and how a session runs. */
export interface SessionChoice {
  readonly provider: ProviderName;
  /** Whether the graph has the manifest's dropout masks as inputs. */
  readonly monteCarlo: boolean;
  /** Use the output for feature enhancement, if the network has one. */
  readonly enhanced?: boolean;
  readonly deviceId?: number;
  readonly threads?: number;
}

/** A network on one device or thread. */
export interface NetworkSession {
  /**
   * `cubes`: (count, edge, edge, edge). Without `pass` all masks are 1, that is no dropout. Must not be
   * called concurrently.
   */
  run(cubes: Float32Array, count: number, pass?: MonteCarloPass): Promise<Float32Array>;
  release(): Promise<void>;
  /** Called when a batch did not fit into memory; smaller ones are used from then on. */
  onSmallerBatch: ((size: number) => void) | undefined;
}

/** Messages of onnxruntime's providers for a failed allocation. */
const OUT_OF_MEMORY = /out of memory|failed to allocate|bad allocation|bad_alloc|E_OUTOFMEMORY|OOM|BFCArena/i;

/** Loads the graph. A batch that does not fit into memory is halved. */
export async function createNetworkSession(
  onnxruntime: Onnxruntime,
  graph: Uint8Array,
  manifest: NetworkManifest,
  choice: SessionChoice,
): Promise<NetworkSession> {
  const { InferenceSession, Tensor } = onnxruntime;
  const { provider, monteCarlo, deviceId, threads } = choice;
  const session = await InferenceSession.create(graph, {
    executionProviders: [deviceId === undefined ? provider : { name: provider, deviceId }],
    // onnxruntime rejects options that are present but undefined.
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    // Without this an operator without a kernel would silently run on the CPU.
    ...(provider === 'webgpu' ? { extra: { session: { disable_cpu_ep_fallback: '1' } } } : {}),
    logSeverityLevel: 4,
  });
  const { cubeEdge: edge, input } = manifest;
  const output = outputOf(manifest, choice.enhanced);
  // One file may serve both; its masks are then always inputs, and 1 if dropout is off.
  const { plain, monteCarlo: sampled } = manifest.files;
  const hasMasks = monteCarlo || (manifest.architecture === 'onnx' && sampled?.file === plain.file);
  const masks = hasMasks ? manifest.dropout : [];
  const voxels = edge ** 3;
  let largest = Number.POSITIVE_INFINITY;

  const runOnce = async (
    cubes: Float32Array,
    count: number,
    pass: MonteCarloPass | undefined,
  ): Promise<Float32Array> => {
    const feeds: Record<string, InstanceType<typeof Tensor>> = {
      [input]: new Tensor('float32', cubes, [count, 1, edge, edge, edge]),
    };
    for (const [layer, mask] of masks.entries())
      feeds[mask.input] = new Tensor('float32', dropoutOf(mask, layer, count, pass), [count, ...mask.shape]);
    const results = await session.run(feeds, [output]);
    const result = results[output];
    const data = result?.data;
    if (!(data instanceof Float32Array) || data.length !== count * voxels)
      throw new LocScaleError(
        'no-device',
        `it gives ${data?.length ?? 0} values for ${count} cubes of ${voxels} voxels`,
      );
    return data;
  };

  const self: NetworkSession = {
    onSmallerBatch: undefined,
    async run(cubes, count, pass) {
      if (count <= largest) {
        try {
          return await runOnce(cubes, count, pass);
        } catch (error) {
          if (!OUT_OF_MEMORY.test(firstLine(error))) throw error;
          if (count === 1) throw tooLittleMemory(error);
          largest = Math.ceil(count / 2);
          self.onSmallerBatch?.(largest);
        }
      }
      const all = new Float32Array(count * voxels);
      for (let from = 0; from < count; ) {
        const to = Math.min(count, from + largest);
        const part = await self.run(
          cubes.subarray(from * voxels, to * voxels),
          to - from,
          pass === undefined ? undefined : { ...pass, firstCube: pass.firstCube + from },
        );
        all.set(part, from * voxels);
        from = to;
      }
      return all;
    },
    async release() {
      await session.release();
    },
  };
  return self;
}

/** Masks of one layer for `count` cubes; all 1 without a pass. */
function dropoutOf(
  mask: NetworkManifest['dropout'][number],
  layer: number,
  count: number,
  pass: MonteCarloPass | undefined,
): Float32Array {
  const size = mask.shape.reduce((product, n) => product * n, 1);
  const values = new Float32Array(count * size);
  if (pass === undefined) return values.fill(1);
  for (let i = 0; i < count; i++) {
    const { seed, firstCube } = pass;
    const draw = { seed, pass: pass.pass, cube: firstCube + i, layer };
    fillDropoutMask(values.subarray(i * size, (i + 1) * size), mask, draw);
  }
  return values;
}

/** Not even one cube fits. */
function tooLittleMemory(cause: unknown): LocScaleError {
  return new LocScaleError('out-of-memory', 'The network runs out of memory with a single cube.', {
    hint: `Close other programs that use this device, or use ${named('provider', 'cpu')}.`,
    cause,
  });
}

/** The output for scaling, or for feature enhancement if the network has one. */
export function outputOf({ output, enhancedOutput }: NetworkManifest, enhanced: boolean | undefined): string {
  return (enhanced === true ? enhancedOutput : undefined) ?? output;
}
