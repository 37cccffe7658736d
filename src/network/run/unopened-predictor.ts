/** A network for planning: costs and memory without loading onnxruntime or the graph. */
import { coreCount } from '../../platform/index.ts';
import type { ReferencePredictor } from '../graph/model.ts';
import type { NetworkFiles } from './network-graph.ts';
import { outputOf } from './network-session.ts';
import { defaultBatchOf, type PredictorOptions } from './open-predictor.ts';
import { providerTitles } from './providers.ts';

/** GFLOP/s per core of EMmerNet and the bundled network on two cores (docs/speed.md). */
const GFLOPS_PER_CORE = 40;

/** Uses the rate of an average core, not of this machine. */
export function unopenedPredictor(
  { manifest }: NetworkFiles,
  { provider, enhanced, threads = coreCount(), batchSize }: PredictorOptions,
): ReferencePredictor {
  const named = provider === 'auto' ? '' : `, on ${providerTitles[provider]}`;
  const onGpu = provider !== 'auto' && provider !== 'cpu';
  return {
    manifest,
    description: `${manifest.title}${named}`,
    output: outputOf(manifest, enhanced),
    batchSize: (batchSize ?? defaultBatchOf(onGpu)) * (onGpu ? 1 : threads),
    secondsPerCube: manifest.gflopPerCube / (GFLOPS_PER_CORE * threads),
    predict: () => Promise.reject(new Error('This network was opened for a plan only.')),
    dispose: async () => undefined,
  };
}
