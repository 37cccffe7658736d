/** The ONNX graph to load: as stored, or written from EMmerNet's weights in the variant that is needed. */
import { LocScaleError, named } from '../../errors.ts';
import type { ModelManifest } from '../graph/model.ts';
import type { ProviderName } from './provider-names.ts';

/** A model whose files are read (and checked against the manifest's sums) when they are needed. */
export interface NetworkFiles {
  readonly manifest: ModelManifest;
  readPlain(): Promise<Uint8Array>;
  /** Architecture 'onnx' with dropout only. */
  readMonteCarlo?(): Promise<Uint8Array>;
}

/**
 * Bytes of the graph. onnxruntime's WebGPU has no transposed convolution in three dimensions, so
 * EMmerNet gets it as a convolution and an interleave there; on the CPU that form is a third faster.
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

async function selfContained(graph: Uint8Array, { title }: ModelManifest): Promise<Uint8Array> {
  const { refuseExternalData } = await import('../../formats/onnx.ts');
  refuseExternalData(graph, title);
  return graph;
}

function noDropout({ title }: ModelManifest): LocScaleError {
  return new LocScaleError(
    'bad-input',
    `The network "${title}" has no dropout: it cannot give Monte-Carlo samples.`,
    {
      where: title,
      hint: `Add ${named('monteCarlo', 'false')}, or use another network.`,
    },
  );
}
