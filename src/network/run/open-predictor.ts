/**
 * Opens a network on the best provider that runs it correctly: each candidate computes one cube with the real
 * graph, and results of other devices are compared with the CPU's. Failures are reported.
 */
import { LocScaleError, named } from '../../errors.ts';
import { createRandom } from '../../math/statistics/random.ts';
import { firstLine } from '../../platform/first-line.ts';
import {
  coreCount,
  loadOnnxruntime,
  type Onnxruntime,
  onnxruntimeRepair,
  totalMemoryBytes,
} from '../../platform/index.ts';
import type { NetworkManifest, ReferencePredictor } from '../graph/model.ts';
import { measureSecondsPerCube } from './measure-rate.ts';
import { type NetworkFiles, readGraph } from './network-graph.ts';
import { createNetworkSession, type NetworkSession, outputOf } from './network-session.ts';
import type { ProviderName } from './provider-names.ts';
import { listProviders, type ProviderState, providerTitles, type WebGpuState } from './providers.ts';
import { createWorkerSessions } from './worker-session.ts';

/** How a network is opened. */
export interface PredictorOptions {
  /** 'auto': the first provider that works; otherwise the named provider or an error. */
  readonly provider: ProviderName | 'auto';
  /** Use the graph with dropout masks, for Monte-Carlo passes. */
  readonly monteCarlo: boolean;
  /** Use the output for feature enhancement, if the network has one. */
  readonly enhanced?: boolean;
  /** Cubes per session and batch; default 8 on a GPU and 1 on the CPU, where more does not help. */
  readonly batchSize?: number;
  /** Threads of the CPU provider: concurrent sessions of one thread each. */
  readonly threads?: number;
  /** Indices of the GPUs to distribute cubes over (CUDA, DirectML). */
  readonly deviceIds?: readonly number[];
  /** Called only if the WebGPU provider is a candidate. */
  readonly webgpu: () => Promise<WebGpuState>;
  readonly onInfo?: (message: string) => void;
  readonly onNote?: (message: string) => void;
}

/** LocScale's batch. */
const GPU_BATCH = 8;
/**
 * Largest relative L2 distance between a provider's cube and the CPU's. Float32 rounding alone gives 1e-5 in
 * EMmerNet; more than this means lower precision or a wrong kernel.
 */
const TRIAL_TOLERANCE = 1e-3;
/** Fraction of the machine's memory available to all CPU sessions. */
const MEMORY_SHARE = 0.25;
/** Peak number of float32 values per voxel of a cube in a session (EMmerNet and the bundled network). */
const CHANNELS_AT_ONCE = 300;

/** Cubes per session and batch. */
export function defaultBatchOf(onGpu: boolean): number {
  return onGpu ? GPU_BATCH : 1;
}

/**
 * Opens the first provider that computes a trial cube as the CPU does. Throws 'no-device' with the reasons if
 * none does.
 */
export async function openPredictor(
  model: NetworkFiles,
  options: PredictorOptions,
): Promise<ReferencePredictor> {
  const onnxruntime = await loadOnnxruntime();
  if ('reason' in onnxruntime) throw noRuntime(onnxruntime.reason);
  const candidates = await chooseCandidates(onnxruntime, options);
  const failures: string[] = [];
  const trial = new Trial(model, onnxruntime, options);
  for (const { name, reason } of candidates) {
    const failed = (why: string): void => {
      failures.push(options.provider === 'auto' ? `${providerTitles[name]}: ${why}` : why);
      options.onInfo?.(`Network on ${providerTitles[name]}: ${why}`);
    };
    if (reason !== undefined) {
      failed(reason);
      continue;
    }
    try {
      const sessions = await trial.open(name);
      const perSession = options.batchSize ?? defaultBatchOf(name !== 'cpu');
      const secondsPerCube = await trial.measure(sessions, perSession);
      return createPredictor(model, name, sessions, options, perSession, secondsPerCube);
    } catch (error) {
      // Damaged files and missing dropout are not the provider's fault.
      if (error instanceof LocScaleError && error.tag !== 'no-device') throw error;
      failed(firstLine(error));
    }
  }
  const only = options.provider === 'auto' ? '' : ` on ${providerTitles[options.provider]}`;
  throw new LocScaleError('no-device', `The network cannot run${only}: ${failures.join('; ')}.`, {
    parameter: 'provider',
    hint:
      options.provider === 'auto' || options.provider === 'cpu'
        ? `${onnxruntimeRepair}, or give a reference with ${named('reference', 'model-map')}.`
        : `Use ${named('provider', 'auto')} or ${named('provider', 'cpu')}; "locscale-gpu devices" lists ` +
          'what works.',
  });
}

/** The error without onnxruntime. */
function noRuntime(reason: string): LocScaleError {
  return new LocScaleError('no-device', `The network cannot run: onnxruntime does not load (${reason}).`, {
    parameter: 'provider',
    hint:
      'Install the package onnxruntime-node (npm install --ignore-scripts: its script wants a download ' +
      `from nuget.org), or give a reference with ${named('reference', 'model-map')}.`,
  });
}

/** Providers to try, in their order; of a named one only that. */
async function chooseCandidates(
  onnxruntime: Onnxruntime,
  { provider, webgpu }: PredictorOptions,
): Promise<ProviderState[]> {
  // Looking for GPUs takes a second: done only if the result matters.
  const gpu = provider === 'auto' || provider === 'webgpu' ? await webgpu() : { usable: false };
  const all = listProviders(onnxruntime, gpu);
  return provider === 'auto' ? all : all.filter(({ name }) => name === provider);
}

/** Result of one cube on a provider, compared with the CPU's. */
class Trial {
  private expected: Float32Array | undefined;
  private readonly model: NetworkFiles;
  private readonly onnxruntime: Onnxruntime;
  private readonly options: PredictorOptions;
  private readonly cube: Float32Array;

  constructor(model: NetworkFiles, onnxruntime: Onnxruntime, options: PredictorOptions) {
    this.model = model;
    this.onnxruntime = onnxruntime;
    this.options = options;
    this.cube = trialCube(model.manifest.cubeEdge);
  }

  /**
   * Sessions on `provider`, one per device; throws an explanation if it cannot run the network or computes
   * wrongly.
   */
  async open(provider: ProviderName): Promise<NetworkSession[]> {
    const { manifest } = this.model;
    const { monteCarlo, enhanced, deviceIds, threads } = this.options;
    const graph = await readGraph(this.model, provider, monteCarlo);
    if (provider === 'cpu') return this.openOnThreads(graph);
    const spread = provider === 'cuda' || provider === 'dml';
    const devices = spread && deviceIds !== undefined ? deviceIds : [undefined];
    const sessions: NetworkSession[] = [];
    try {
      for (const deviceId of devices) {
        const session = await createNetworkSession(this.onnxruntime, graph, manifest, {
          provider,
          monteCarlo,
          enhanced,
          deviceId,
          threads,
        });
        sessions.push(session);
        await this.check(session, provider);
      }
      return sessions;
    } catch (error) {
      await Promise.all(sessions.map((session) => session.release()));
      throw error;
    }
  }

  /** One session per thread, as far as memory permits. */
  private async openOnThreads(graph: Uint8Array): Promise<NetworkSession[]> {
    const { manifest } = this.model;
    const { monteCarlo, enhanced, threads = coreCount() } = this.options;
    const count = Math.max(
      1,
      Math.min(threads, Math.floor(memoryForSessions() / sessionBytes(graph, manifest))),
    );
    if (count < threads)
      this.options.onInfo?.(`Network on the CPU: ${count} of ${threads} threads (limited by memory).`);
    const sessions = await createWorkerSessions(count, graph, manifest, {
      monteCarlo,
      enhanced,
    });
    try {
      await this.check(sessions[0] as NetworkSession, 'cpu');
      return sessions;
    } catch (error) {
      await Promise.all(sessions.map((session) => session.release()));
      throw error;
    }
  }

  /** Compares the trial cube with the CPU's. Throws if the provider is wrong. */
  private async check(session: NetworkSession, provider: ProviderName): Promise<void> {
    const output = await session.run(this.cube, 1);
    if (!output.every(Number.isFinite))
      throw new LocScaleError('no-device', 'it returns values that are not numbers');
    if (provider === 'cpu') return;
    const distance = relativeDistance(output, await this.cpuResult());
    if (!(distance <= TRIAL_TOLERANCE))
      throw new LocScaleError(
        'no-device',
        `it computes wrongly (${distance.toPrecision(2)} away from the CPU's result)`,
      );
    this.options.onInfo?.(
      `Network on ${providerTitles[provider]}: one cube is ${distance.toExponential(1)} away from the ` +
        "CPU's result.",
    );
  }

  /** Closes the sessions if one of them fails to open. */
  async measure(sessions: readonly NetworkSession[], batch: number): Promise<number> {
    try {
      return await measureSecondsPerCube(sessions, this.cube, batch);
    } catch (error) {
      await Promise.all(sessions.map((session) => session.release()));
      throw error;
    }
  }

  /** The trial cube on the CPU, once for all providers. */
  private async cpuResult(): Promise<Float32Array> {
    if (this.expected === undefined) {
      const { enhanced, threads } = this.options;
      const graph = await readGraph(this.model, 'cpu', false);
      const session = await createNetworkSession(this.onnxruntime, graph, this.model.manifest, {
        provider: 'cpu',
        monteCarlo: false,
        enhanced,
        threads,
      });
      try {
        this.expected = await session.run(this.cube, 1);
      } finally {
        await session.release();
      }
    }
    return this.expected;
  }
}

/** Distributes cubes over sessions. */
function createPredictor(
  model: NetworkFiles,
  provider: ProviderName,
  sessions: readonly NetworkSession[],
  options: PredictorOptions,
  perSession: number,
  secondsPerCube: number,
): ReferencePredictor {
  const { manifest } = model;
  const voxels = manifest.cubeEdge ** 3;
  const devices = sessions.length > 1 && provider !== 'cpu' ? ` (${sessions.length} GPUs)` : '';
  for (const session of sessions)
    session.onSmallerBatch = (size) =>
      options.onNote?.(`The network ran out of memory; it continues with batches of ${size}.`);
  return {
    manifest,
    description: `${manifest.title}, on ${providerTitles[provider]}${devices}`,
    output: outputOf(manifest, options.enhanced),
    batchSize: perSession * sessions.length,
    secondsPerCube,
    async predict(cubes, count, pass) {
      // Contiguous shares, which preserve the cubes' indices, on which their dropout masks depend.
      const shares = sessions.map((session, i) => {
        const from = Math.floor((i * count) / sessions.length);
        const to = Math.floor(((i + 1) * count) / sessions.length);
        return { session, from, to };
      });
      const parts = await Promise.all(
        shares
          .filter(({ from, to }) => to > from)
          .map(({ session, from, to }) =>
            session.run(
              cubes.subarray(from * voxels, to * voxels),
              to - from,
              pass === undefined ? undefined : { ...pass, firstCube: pass.firstCube + from },
            ),
          ),
      );
      const [only] = parts;
      if (parts.length === 1 && only !== undefined) return only;
      const all = new Float32Array(count * voxels);
      let at = 0;
      for (const part of parts) {
        all.set(part, at);
        at += part.length;
      }
      return all;
    },
    async dispose() {
      await Promise.all(sessions.map((session) => session.release()));
    },
  };
}

/** Bytes; each session has its own copy of the weights. */
function memoryForSessions(): number {
  return MEMORY_SHARE * totalMemoryBytes();
}

/** Bytes of a session: weights as read and as packed by onnxruntime, plus activations of a cube. */
function sessionBytes(graph: Uint8Array, { cubeEdge }: NetworkManifest): number {
  return 3 * graph.length + 4 * CHANNELS_AT_ONCE * cubeEdge ** 3;
}

/** Noise with the standard deviation of a standardised map, 0.1. */
function trialCube(edge: number): Float32Array {
  const random = createRandom(20261122);
  return Float32Array.from({ length: edge ** 3 }, () => 0.1 * random.gaussian());
}

/** Relative L2. */
function relativeDistance(a: Float32Array, b: Float32Array): number {
  let difference = 0;
  let power = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    power += b[i] ** 2;
  }
  return Math.sqrt(difference / (power || 1));
}
