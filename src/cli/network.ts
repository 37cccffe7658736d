/** Opens the network that the options select. */
import type { ReferencePredictor } from '../network/graph/model.ts';
import { withCubes } from '../network/run/cubes-of.ts';
import type { NetworkFiles } from '../network/run/network-graph.ts';
import { openPredictor, type PredictorOptions } from '../network/run/open-predictor.ts';
import { unopenedPredictor } from '../network/run/unopened-predictor.ts';
import { webGpuStateOf } from '../open-network.ts';
import { modelsFolder } from './models-folder.ts';
import { gpuIdsOf, type Session, threadsOf, vulkanLoaderFromEnvironment } from './session.ts';

/**
 * The network and cube size selected by the options. Reads the manifest, not the weights. Throws 'bad-input'
 * if the network is unknown or damaged.
 */
export async function chooseNetwork(session: Session): Promise<NetworkFiles> {
  const { chooseStoredNetwork } = await import('../network/store/index.ts');
  const { values } = session.parsed;
  const model = await chooseStoredNetwork({
    folder: modelsFolder(),
    modelPath: values.modelPath,
    lowContext: values.lowContextModel,
  });
  return withCubes(model, values.cubeSize, values.stride);
}

/** Opens the network, runs `body`, and always closes it. Without a network `body` receives undefined. */
export async function withPredictor<T>(
  session: Session,
  network: NetworkFiles | undefined,
  use: { readonly monteCarlo: boolean; readonly enhanced: boolean },
  body: (predictor: ReferencePredictor | undefined) => Promise<T>,
): Promise<T> {
  if (network === undefined) return body(undefined);
  const options = predictorOptionsOf(session, use);
  const dryRun = session.parsed.values.dryRun === true;
  if (!dryRun) await session.libraries.hold();
  // Disables TensorFloat-32, CUDA's default, with which maps differ from the CPU's in the third digit.
  process.env.NVIDIA_TF32_OVERRIDE ??= '0';
  const predictor = dryRun ? unopenedPredictor(network, options) : await openPredictor(network, options);
  // The record's description of the network has the same source.
  try {
    const { parameters, source } = network.manifest;
    const details = `${(parameters / 1e6).toFixed(1)} M parameters, ${source}`;
    const unopened = dryRun ? '; not opened by a dry run, its time is that of usual CPU cores' : '';
    session.logger.line(`Network: ${predictor.description} (${details}${unopened})`);
    return await body(predictor);
  } finally {
    await predictor.dispose();
  }
}

/** Options of the run in the names of network/run; GPUs are shared as by the engine. */
function predictorOptionsOf(
  session: Session,
  use: Pick<PredictorOptions, 'monteCarlo' | 'enhanced'>,
): PredictorOptions {
  const { values } = session.parsed;
  const { logger } = session;
  return {
    // A CPU-only run must not load GPU drivers.
    provider: values.provider ?? (values.engine === 'cpu' ? 'cpu' : 'auto'),
    ...use,
    batchSize: values.batchSize,
    threads: threadsOf(session),
    deviceIds: numericGpuIds(gpuIdsOf(session)),
    webgpu: () => webGpuStateOf(values.allowSoftwareGpu === true, vulkanLoaderFromEnvironment()),
    onInfo: (message) => logger.detail(`  ${message}`),
    onNote: (message) => logger.note(message),
  };
}

/** Indices from -gpus; names cannot be passed to CUDA. */
function numericGpuIds(ids: readonly string[] | undefined): number[] | undefined {
  const numbers = ids?.filter((id) => /^\d+$/.test(id)).map(Number);
  return numbers === undefined || numbers.length === 0 ? undefined : numbers;
}
