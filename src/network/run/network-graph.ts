/** The ONNX graph to load: as stored, or built from EMmerNet's weights in the required variant. */
import { LocScaleError, named } from '../../errors.ts';
import type { NetworkManifest } from '../graph/model.ts';
import type { ProviderName } from './provider-names.ts';

/** A network whose files are read, and verified by the manifest's checksums, on demand. */
export interface NetworkFiles {
  readonly manifest: NetworkManifest;
  readPlain(): Promise<Uint8Array>;
  /** Graph with dropout; architecture 'onnx' only. */
  readMonteCarlo?(): Promise<Uint8Array>;
}

/**
 * Bytes of the graph. onnxruntime's WebGPU provider lacks 3-D transposed convolution, so EMmerNet uses a
 * convolution and an interleave instead; on the CPU that form is a third faster.
 */
export async function readGraph(
  model: NetworkFiles,
  provider: ProviderName,
  monteCarlo: boolean,
): Promise<Uint8Array> {
  const { manifest } = model;
  if (monteCarlo && manifest.dropout.length === 0) throw noDropout(manifest);
  if (manifest.architecture === 'onnx') {
    if (!monteCarlo) return selfContained(await model.readPlain(), manifest);
    if (model.readMonteCarlo === undefined) throw noDropout(manifest);
    return selfContained(await model.readMonteCarlo(), manifest);
  }
  const plain = await model.readPlain();
  const interleave = provider === 'webgpu' || provider === 'cpu';
  if (!monteCarlo && !interleave) return selfContained(plain, manifest);
  const { readOnnxInitializers } = await import('../../formats/onnx.ts');
  const { writeEmmernet } = await import('../graph/emmernet-graph.ts');
  return writeEmmernet(readOnnxInitializers(plain), {
    transposedConvolution: interleave ? 'interleave' : 'native',
    dropoutMasks: monteCarlo,
  });
}

/** Refuses graphs that refer to other files, which a network from elsewhere could choose. */
async function selfContained(graph: Uint8Array, { title }: NetworkManifest): Promise<Uint8Array> {
  const { refuseExternalData } = await import('../../formats/onnx.ts');
  refuseExternalData(graph, title);
  return graph;
}

/** The error of a network without dropout in feature enhancement. */
function noDropout({ title }: NetworkManifest): LocScaleError {
  return new LocScaleError(
    'bad-input',
    `The network "${title}" has no dropout, so it cannot be sampled by Monte Carlo.`,
    {
      where: title,
      hint: `Add ${named('monteCarlo', 'false')}, or use another network.`,
    },
  );
}
