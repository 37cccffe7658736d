/** From the options to a network that is ready to run, and what the record of a run says of it. */
import { LocScaleError } from '../errors.ts';
import type { Prediction } from '../index.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import type { NetworkFiles } from '../network/run/network-graph.ts';
import { openPredictor } from '../network/run/open-predictor.ts';
import { webGpuStateOf } from '../open-network.ts';
import type { OptionValues } from '../options.ts';
import type { NetworkRecord } from '../report/run-record.ts';
import { modelsFolder } from './models-folder.ts';
import { gpuIdsOf, type Session, threadsOf, vulkanLoaderFromEnvironment } from './session.ts';

/** The network the options name, with the cubes they ask for. */
export async function chooseNetwork(session: Session): Promise<NetworkFiles> {
  const { chooseModel } = await import('../network/store/index.ts');
  const { values } = session.parsed;
  const model = await chooseModel({
    folder: modelsFolder(),
    modelPath: values.modelPath,
    lowContext: values.lowContextModel,
  });
  return withCubes(model, values);
}

/** -cube_size and -s. EMmerNet knows cubes of its own size only; other networks take multiples of 8. */
function withCubes(model: NetworkFiles, { cubeSize, stride }: OptionValues): NetworkFiles {
  const { manifest } = model;
  const edge = cubeSize ?? manifest.cubeEdge;
  const fixed = manifest.architecture === 'emmernet';
  if (edge !== manifest.cubeEdge && (fixed || edge % 8 !== 0))
    throw new LocScaleError('usage', `The network "${manifest.title}" cannot take cubes of ${edge} voxels.`, {
      where: '-cube_size',
      expected: fixed ? String(manifest.cubeEdge) : 'a multiple of 8',
      found: String(edge),
      hint: 'Leave -cube_size out.',
    });
  const step = stride ?? Math.max(1, Math.round((manifest.stride * edge) / manifest.cubeEdge));
  if (step > edge)
    throw new LocScaleError('usage', `Cubes of ${edge} voxels every ${step} voxels leave gaps.`, {
      where: '-s',
      expected: `at most ${edge}`,
      found: String(step),
      hint: 'Choose a smaller step with -s.',
    });
  const gflopPerCube = manifest.gflopPerCube * (edge / manifest.cubeEdge) ** 3;
  return { ...model, manifest: { ...manifest, cubeEdge: edge, stride: step, gflopPerCube } };
}

/** Opens the network, runs `body`, and closes it whatever happens. Without a network `body` gets undefined. */
export async function withPredictor<T>(
  session: Session,
  network: NetworkFiles | undefined,
  use: { readonly monteCarlo: boolean; readonly enhanced: boolean },
  body: (predictor: ReferencePredictor | undefined) => Promise<T>,
): Promise<T> {
  if (network === undefined) return body(undefined);
  const { values } = session.parsed;
  const { logger } = session;
  await session.libraries.hold();
  // TensorFloat-32, which CUDA uses unless told, gives maps that differ from the CPU's in the third digit.
  process.env.NVIDIA_TF32_OVERRIDE ??= '0';
  const deviceIds = numericGpuIds(gpuIdsOf(session));
  const threads = threadsOf(session);
  const predictor = await openPredictor(network, {
    // A run that is to stay on the CPU touches no driver of a GPU.
    provider: values.provider ?? (values.engine === 'cpu' ? 'cpu' : 'auto'),
    ...use,
    batchSize: values.batchSize,
    threads,
    deviceIds,
    webgpu: () => webGpuStateOf(values.allowSoftwareGpu === true, vulkanLoaderFromEnvironment()),
    onInfo: (message) => logger.detail(`  ${message}`),
    onNote: (message) => logger.note(message),
  });
  try {
    const { parameters, source } = network.manifest;
    logger.line(
      `Network: ${predictor.description} (${(parameters / 1e6).toFixed(1)} M parameters, ${source})`,
    );
    return await body(predictor);
  } finally {
    await predictor.dispose();
  }
}

/** Numbers of -gpus; names cannot be passed on to CUDA. */
function numericGpuIds(ids: readonly string[] | undefined): number[] | undefined {
  const numbers = ids?.filter((id) => /^\d+$/.test(id)).map(Number);
  return numbers === undefined || numbers.length === 0 ? undefined : numbers;
}

export function networkRecordOf(
  predictor: ReferencePredictor | undefined,
  prediction: Prediction | undefined,
  seed?: number,
): { network?: NetworkRecord } {
  if (predictor === undefined || prediction === undefined) return {};
  const { name, title, source, sourceSha256, licence, cubeEdge, stride } = predictor.manifest;
  return {
    network: {
      name,
      title,
      source,
      sourceSha256,
      licence,
      ranOn: predictor.description,
      cubeEdge,
      stride,
      cubes: prediction.cubes,
      passes: prediction.passes,
      seed,
    },
  };
}
