/**
 * The order of test files: project by project, since a process is shared only by files that follow one
 * another; within a project those below first, longest first, so that both workers end together. Vitest would
 * take the times of its last run, which a fresh clone does not have, or the sizes of the files.
 */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const LONGEST: readonly string[] = [
  ...['engines/band-scaling', 'unit/gpu/verification', 'unit/gpu/band-scaling', 'engines/local-scaling'],
  ...['engines/symmetrise', 'engines/gpu-local-scaling'],
  ...['engines/resample', 'engines/local-resolution', 'unit/gpu/device-bytes', 'engines/predict-reference'],
  ...['unit/gpu/verified-kernel', 'unit/gpu/fft', 'unit/gpu/device', 'engines/network-mode'],
  ...[
    'cli/ranks',
    'cli/bench',
    'golden/default-mode',
    'cli/documented-commands',
    'cli/packages',
    'cli/library-output',
  ],
  ...['cli/devices', 'cli/shim', 'unit/distributed/ranks', 'cli/faults', 'cli/demo', 'cli/symmetrise'],
  ...['cli/models', 'cli/report-browser', 'cli/examples', 'cli/network', 'cli/memory', 'cli/memory-truth'],
  ...[
    'cli/real-maps',
    'cli/atomic-models',
    'cli/odd-headers',
    'cli/report',
    'unit/network/graph/graph',
    'cli/relion',
  ],
  ...[
    'unit/network/store/store',
    'engines/symmetrise-maps',
    'unit/synthetic/ideal-structure',
    'unit/math/symmetry/symmetry-centre',
  ],
  // Of the stages of CI behind the walk.
  ...['browser/accessibility', 'browser/page', 'browser/networks', 'browser/odd-inputs'],
  ...['browser/page-robustness', 'browser/offline', 'browser/app', 'browser/stored-results'],
  ...['golden/soft-scaling', 'golden/emmernet-weights', 'golden/symmetrise', 'golden/q-scores'],
].map((name) => `test/${name}.test.ts`);

/** Of vitest.config.ts; the short files of the last one fill the gaps. */
const PROJECTS = ['engines', 'machine', 'alone', 'pure'];

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
    const project = ({ project: { name } }: TestSpecification): number => PROJECTS.indexOf(name);
    return (await super.sort(files)).sort((a, b) => project(a) - project(b) || rank(a) - rank(b));
  }
}
