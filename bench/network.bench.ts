/**
 * Networks on onnxruntime: EMmerNet's graph with random weights and the bundled network, cubes per second
 * and GFLOP/s by provider and batch. Hand-over of the cubes to the provider and back is included.
 */
import { join } from 'node:path';
import { measure } from '../src/bench/clock.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import { emmernetDropout, writeEmmernet } from '../src/network/graph/emmernet-graph.ts';
import {
  countEmmernetParameters,
  EMMERNET,
  emmernetGflopPerCube,
} from '../src/network/graph/emmernet-layers.ts';
import type { NetworkFiles } from '../src/network/run/network-graph.ts';
import { createNetworkSession } from '../src/network/run/network-session.ts';
import { openPredictor, type PredictorOptions } from '../src/network/run/open-predictor.ts';
import type { ProviderName } from '../src/network/run/provider-names.ts';
import { listProviders } from '../src/network/run/providers.ts';
import { openBundled } from '../src/network/store/index.ts';
import { loadOnnxruntime } from '../src/platform/index.ts';
import { randomEmmernetWeights } from '../test/support/emmernet-weights.ts';
import type { NetworkResult } from './results.ts';

/** Float32 in another order; the golden cubes are held to the same. */
const LIMIT = 5e-5;

export interface NetworkBenchOptions {
  /** Checkout whose bundled network is measured. */
  readonly root: string;
  readonly quick: boolean;
  /** WebGPU is measured too: there is a hardware GPU. */
  readonly webgpu: boolean;
  readonly say: (line: string) => void;
}

export async function benchNetworks(options: NetworkBenchOptions): Promise<NetworkResult[]> {
  const onnxruntime = await loadOnnxruntime();
  if ('reason' in onnxruntime) {
    options.say(`  onnxruntime does not load: ${onnxruntime.reason}`);
    return [];
  }
  const webgpu: PredictorOptions['webgpu'] = async () => ({ usable: options.webgpu });
  const providers = listProviders(onnxruntime, await webgpu())
    .filter(({ reason }) => reason === undefined)
    .map(({ name }) => name);
  const results: NetworkResult[] = [];
  const bundled = await openBundled(join(options.root, 'src/network/bundled'));
  for (const network of [bundled, emmernetWithRandomWeights()])
    for (const provider of providers)
      results.push(...(await benchProvider(network, provider, webgpu, options)));
  return results;
}

async function benchProvider(
  network: NetworkFiles,
  provider: ProviderName,
  webgpu: PredictorOptions['webgpu'],
  { quick, say }: NetworkBenchOptions,
): Promise<NetworkResult[]> {
  const { manifest } = network;
  const { cubeEdge, title, gflopPerCube, parameters } = manifest;
  const results: NetworkResult[] = [];
  for (const batch of quick ? [1] : [1, 8]) {
    const predictor = await openPredictor(network, { provider, monteCarlo: false, batchSize: batch, webgpu });
    try {
      const cubes = randomCubes(batch, cubeEdge);
      const gate = await compareWithPlain(
        network,
        cubes,
        await predictor.predict(cubes.slice(), batch),
        batch,
      );
      const timing = await measure(() => predictor.predict(cubes, batch), {
        runs: quick ? 1 : 5,
        warmUps: 0,
      });
      const cubesPerSecond = batch / timing.median;
      const gflops = cubesPerSecond * gflopPerCube;
      results.push({ network: title, parameters, cubeEdge, gflopPerCube, provider, batch, gate, timing });
      say(
        `  ${title}, ${provider}, batch ${batch}: ${cubesPerSecond.toFixed(2)} cubes/s of ${cubeEdge}^3, ${gflops.toFixed(0)} GFLOP/s`,
      );
    } finally {
      await predictor.dispose();
    }
  }
  return results;
}

/** The stored graph, one cube at a time on the CPU: another form of EMmerNet's transposed convolutions. */
async function compareWithPlain(
  network: NetworkFiles,
  cubes: Float32Array,
  found: Float32Array,
  batch: number,
): Promise<Gate> {
  const onnxruntime = await loadOnnxruntime();
  if ('reason' in onnxruntime) throw new Error(onnxruntime.reason);
  const { cubeEdge: edge, title } = network.manifest;
  const session = await createNetworkSession(onnxruntime, await network.readPlain(), network.manifest, {
    provider: 'cpu',
    monteCarlo: false,
  });
  const expected = await session.run(cubes.slice((batch - 1) * edge ** 3), 1);
  await session.release();
  return checkGate(
    `${title}, last of ${batch} cubes against the stored graph on the CPU`,
    found.subarray((batch - 1) * edge ** 3),
    expected,
    LIMIT,
  );
}

function randomCubes(count: number, edge: number): Float32Array {
  const random = createRandom(5);
  return Float32Array.from({ length: count * edge ** 3 }, () => 0.1 * random.gaussian());
}

function emmernetWithRandomWeights(): NetworkFiles {
  const plain = writeEmmernet(randomEmmernetWeights(EMMERNET, 4), {
    transposedConvolution: 'native',
    dropoutMasks: false,
  });
  const none = { file: 'none', sha256: '' };
  return {
    manifest: {
      format: 1,
      name: 'emmernet-random',
      title: 'EMmerNet, random weights',
      architecture: 'emmernet',
      source: 'bench',
      sourceSha256: '',
      licence: 'none',
      parameters: countEmmernetParameters(),
      gflopPerCube: emmernetGflopPerCube(),
      files: { plain: none },
      input: 'map',
      output: 'reference',
      voxelSizeAngstrom: 1,
      standardisation: 'mean-10sd',
      cubeEdge: EMMERNET.cubeEdge,
      stride: 16,
      dropout: emmernetDropout(),
    },
    readPlain: async () => plain,
  };
}
