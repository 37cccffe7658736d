/**
 * The order of test files: those below first, longest first, so that both workers end together. Vitest would take the
 * times of its last run, which a fresh clone does not have, or the sizes of the files.
 */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const LONGEST: readonly string[] = [
  ...[
    'cli/ranks',
    'golden/default-mode',
    'engines/band-scaling',
    'engines/local-scaling',
    'cli/atomic-models',
  ],
  ...['cli/documented-commands', 'cli/devices', 'cli/shim', 'cli/packages', 'cli/library-output'],
  ...['golden/soft-scaling', 'cli/real-maps', 'engines/symmetrise', 'unit/gpu-fft', 'cli/models'],
  ...['unit/distributed/ranks', 'cli/faults', 'engines/gpu-local-scaling', 'engines/local-resolution'],
  ...['cli/symmetrise', 'engines/predict-reference', 'engines/model-map', 'engines/network-mode'],
  ...['cli/network', 'cli/demo', 'cli/memory', 'cli/examples', 'cli/relion', 'golden/emmernet-weights'],
].map((name) => `test/${name}.test.ts`);

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    const missing = LONGEST.filter((name) => !existsSync(join(root, name)));
    if (missing.length > 0)
      throw new Error(`test/support/longest-first.ts names ${missing.join(', ')}, which do not exist.`);
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.indexOf(relative(root, moduleId));
      return at < 0 ? LONGEST.length : at;
    };
    // Stable: the others stay as they were.
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
