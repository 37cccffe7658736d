/** Runs original_scaling.py on a sample of the windows that were just scaled here. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobMaps } from '../src/bench/blob-map.ts';
import type { ScalingRule } from '../src/math/scaling/scaling-rules.ts';

export interface OriginalRun {
  readonly version: string;
  readonly seconds: number;
  /** Scaled values of the voxels asked for. */
  readonly values: number[];
}

export interface OriginalJob {
  readonly checkout: string;
  readonly root: string;
  readonly maps: BlobMaps;
  readonly windowVoxels: number;
  readonly voxelSize: number;
  /** Indices in the map, all at least half a window from the faces. */
  readonly voxels: readonly number[];
  readonly rule: ScalingRule;
  readonly profile: { readonly frequency: readonly number[]; readonly amplitude: readonly number[] };
}

export function runOriginal(job: OriginalJob): OriginalRun {
  const { maps, rule } = job;
  const [, ny, nx] = maps.shape;
  const folder = mkdtempSync(join(tmpdir(), 'locscale-bench-'));
  try {
    writeFileSync(join(folder, 'map.f32'), maps.map);
    writeFileSync(join(folder, 'reference.f32'), maps.reference);
    const theoretical = rule.kind === 'theoretical-profile';
    const input = {
      checkout: job.checkout,
      map: join(folder, 'map.f32'),
      reference: join(folder, 'reference.f32'),
      shape: maps.shape,
      window: job.windowVoxels,
      apix: job.voxelSize,
      voxels: job.voxels.map((i) => [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx]),
      theoretical,
      arguments: {
        no_reference: false,
        fsc_cutoff: 'fscCutoff' in rule ? rule.fscCutoff : 0,
        wilson: 'wilsonCutoff' in rule ? rule.wilsonCutoff : 0,
        nyquist: theoretical ? rule.nyquistCutoff : 0,
        boost_secondary_structure: theoretical ? rule.boost : 1,
        smooth: 0.3,
      },
      profile: { freq: job.profile.frequency, profile: job.profile.amplitude },
    };
    // Debian's packages belong to Debian's interpreter.
    const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
    const run = spawnSync(python, [join(job.root, 'bench/original_scaling.py')], {
      input: JSON.stringify(input),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      // One core, as for us.
      env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' },
    });
    if (run.error || run.status !== 0) {
      const reason = run.error?.message ?? run.stderr.trim().split('\n').slice(-3).join(' / ');
      throw new Error(`The original at ${job.checkout} did not run: ${reason}`);
    }
    return JSON.parse(run.stdout) as OriginalRun;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
