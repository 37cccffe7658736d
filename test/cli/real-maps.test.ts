/** Deposited maps through the built program: right grid, right header, 0 outside the mask, numbers inside. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import { readMapFile } from '../../src/files/index.ts';
import { writeMrc } from '../../src/formats/mrc.ts';
import { tanhLowPass } from '../../src/math/fourier/radial-transfer.ts';
import type { MapImage } from '../../src/pipeline/types.ts';
import { relativeL2 } from '../support/compare.ts';
import { collect } from '../support/mrc-fixture.ts';
import { describeWithSharedData, sharedPath } from '../support/shared-data.ts';
import {
  compareWithGemmi,
  gemmiPresent,
  mrcfilePresent,
  rewriteWithGemmi,
  unlessGemmi,
  unlessMrcfile,
  viewWithMrcfile,
} from './independent-reader.ts';
import { type CliResult, runCli, Workspace } from './run-cli.ts';

interface Case {
  readonly path: readonly string[];
  /** Cut-off of the low-passed copy used as reference, A; undefined: --no_reference. */
  readonly referenceAngstrom?: number;
  /** Density from which a voxel belongs to the mask the test makes; undefined: FDR mask. */
  readonly maskFrom?: number;
  readonly axes: readonly [number, number, number];
}

const emd3186 = ['emd_3186_5fj6', 'emd_3186.map'];
const emd3240 = ['emd_3240_5fn5', '5fn5_box.ccp4'];
const emd32143 = ['emd_32143_gpcr_gs', 'emd_32143_resampled100.map'];
const cases: readonly Case[] = [
  { path: emd3186, referenceAngstrom: 12, axes: [1, 2, 3] },
  { path: emd3186, axes: [1, 2, 3] },
  { path: emd3240, referenceAngstrom: 8, axes: [3, 2, 1] },
  { path: emd32143, referenceAngstrom: 8, axes: [2, 1, 3] },
  { path: emd32143, axes: [2, 1, 3] },
  // Hard-masked: there is no noise to make an FDR mask from.
  { path: ['emd_0093_hcn4', 'emd_0093_masked4A.mrc.gz'], maskFrom: 0.75, axes: [1, 2, 3] },
  { path: ['emd_30342_7cec', '390_emd_30342_A_z4.mrc'], referenceAngstrom: 6, axes: [1, 2, 3] },
  { path: ['relion_betagal', 'betaGal.mrc'], axes: [1, 2, 3] },
];

const nameOf = (c: Case): string =>
  `${basename(c.path[1])}, ${c.referenceAngstrom === undefined ? '--no_reference' : '-mm'}`;

describeWithSharedData('real maps', () => {
  describe.each(cases.map((c) => [nameOf(c), c] as const))('%s', (_name, one) => {
    const workspace = new Workspace();
    const input = sharedPath('maps', ...one.path);
    let result: CliResult;
    beforeAll(async () => {
      const args = ['-em', input, '-np', '2', '-op', 'files', '-o', 'out.mrc'];
      if (one.referenceAngstrom === undefined) args.push('--no_reference');
      else {
        await writeCopy(input, workspace.path('reference.mrc'), { lowPass: one.referenceAngstrom });
        args.push('-mm', 'reference.mrc');
      }
      if (one.maskFrom !== undefined) {
        await writeCopy(input, workspace.path('mask.mrc'), { binarise: one.maskFrom });
        args.push('-ma', 'mask.mrc');
      }
      result = await runCli(workspace.folder, args);
    });
    afterAll(() => workspace.remove());

    it('ends well, with every spatial field of the header as in the input', () => {
      expect([result.code, result.stderr.match(/^error.*/m)?.[0]]).toEqual([0, undefined]);
      const before = spatialFields(input);
      expect(before.axes).toEqual(one.axes);
      // A volume that its program marked as a stack of images comes out in space group 1.
      const spaceGroup = before.spaceGroup[0] === 0 ? [1] : before.spaceGroup;
      expect(spatialFields(workspace.path('out.mrc'))).toEqual({ ...before, spaceGroup });
    });

    it('is exactly 0 outside the mask and finite inside', () => {
      const scaled = voxelsOf(workspace.path('out.mrc'));
      const mask = voxelsOf(workspace.path('files/out_mask.mrc'));
      let inside = 0;
      let wrong = 0;
      let zeros = 0;
      scaled.forEach((value, i) => {
        if (mask[i] > 0.5) {
          inside++;
          if (!Number.isFinite(value)) wrong++;
          if (value === 0) zeros++;
        } else if (value !== 0) wrong++;
      });
      expect(wrong).toBe(0);
      expect(inside).toBeGreaterThan(1000);
      expect(inside).toBeLessThan(0.5 * scaled.length);
      expect(inside).toBe(readManifest(workspace).numbers.maskVoxels);
      // A window of a hard-masked map may hold nothing but zeros; a value that is 0 by chance does not occur.
      expect(zeros).toBeLessThan(0.01 * inside);
    });

    it('has the requested amplitudes: with a low-passed copy as reference, that copy', () => {
      const scaled = voxelsOf(workspace.path('out.mrc'));
      const mask = voxelsOf(workspace.path('files/out_mask.mrc'));
      const original = voxelsOf(input);
      if (one.referenceAngstrom === undefined) {
        // Sharpening keeps phases: what was density stays density.
        expect(correlation(scaled, original, mask)).toBeGreaterThan(0.3);
        return;
      }
      const reference = voxelsOf(workspace.path('reference.mrc'));
      // Windows are not tapered: leakage leaves a low-passed reference some power in every shell, which takes
      // the phases of the map. Measured: 0.80 to 0.97, from 0.51 to 0.90 before.
      const before = correlation(original, reference, mask);
      const after = correlation(scaled, reference, mask);
      expect(after).toBeGreaterThan(0.75);
      expect(1 - after).toBeLessThan(0.6 * (1 - before));
    });

    it('passes `locscale-gpu validate` without an error', async () => {
      const check = await runCli(workspace.folder, ['validate', 'out.mrc']);
      expect([check.code, check.stderr]).toEqual([0, '']);
      expect(check.stdout).not.toMatch(/^\s*error/m);
    });

    it.skipIf(!gemmiPresent)(`lies on the same grid for gemmi${unlessGemmi}`, () => {
      const seen = compareWithGemmi(input, workspace.path('out.mrc'));
      expect(seen.grids[1]).toEqual(seen.grids[0]);
      expect(seen.positions).toBeGreaterThan(100);
      expect(seen.correlation).toBeGreaterThan(0.3);
      expect(seen.interpolated).toBeGreaterThan(0.3);
      // One voxel off along any axis would fit worse.
      for (const displaced of seen.displaced) expect(displaced).toBeLessThan(seen.correlation);
    });

    it.skipIf(!mrcfilePresent)(`has right statistics for mrcfile${unlessMrcfile}`, () => {
      const { stated, found, valid, log } = viewWithMrcfile(workspace.path('out.mrc'));
      // The header holds float32.
      stated.forEach((value, i) => {
        expect(Math.abs(value - found[i])).toBeLessThan(1e-6 * Math.max(found[3], Math.abs(found[i])));
      });
      expect([valid, log]).toEqual([true, '']);
    });
  });

  describe('axis order', () => {
    const workspace = new Workspace();
    const input = sharedPath('maps', ...emd3240);
    const out = (name: string): Float32Array => voxelsOf(workspace.path(name));
    beforeAll(async () => {
      await writeCopy(input, workspace.path('reference.mrc'), { lowPass: 8 });
      await writeCopy(input, workspace.path('mask.mrc'), { binarise: 0.03 });
    });
    afterAll(() => workspace.remove());
    const scale = async (suffix: string, map: string): Promise<void> => {
      const files = ['-mm', `reference${suffix}.mrc`, '-ma', `mask${suffix}.mrc`, '-o', `out${suffix}.mrc`];
      const result = await runCli(workspace.folder, ['-em', map, ...files, '-np', '2']);
      expect([result.code, result.stderr.match(/^error.*/m)?.[0]]).toEqual([0, undefined]);
    };

    it.skipIf(!gemmiPresent)(
      `3,2,1 and the same density written by gemmi as 1,2,3 give the same${unlessGemmi}`,
      async () => {
        await scale('', input);
        for (const [from, to] of [
          [input, 'map-xyz.mrc'],
          [workspace.path('reference.mrc'), 'reference-xyz.mrc'],
          [workspace.path('mask.mrc'), 'mask-xyz.mrc'],
        ])
          expect(rewriteWithGemmi(from, workspace.path(to))).toEqual({
            order: [1, 2, 3],
            points: [64, 99, 66],
          });
        await scale('-xyz', 'map-xyz.mrc');
        rewriteWithGemmi(workspace.path('out.mrc'), workspace.path('turned.mrc'));
        expect(spatialFields(workspace.path('out-xyz.mrc')).axes).toEqual([1, 2, 3]);
        expect(relativeL2(out('out-xyz.mrc'), out('turned.mrc'))).toBeLessThan(1e-5);
      },
    );

    it('a density with x and z exchanged gives the result with x and z exchanged', async () => {
      await scale('', input);
      // The same bytes called 1,2,3 instead of 3,2,1, with the cell to match: now x is what z was.
      for (const [from, to] of [
        [input, 'map-relabelled.mrc'],
        [workspace.path('reference.mrc'), 'reference-relabelled.mrc'],
        [workspace.path('mask.mrc'), 'mask-relabelled.mrc'],
      ])
        writeFileSync(workspace.path(to), exchangeXAndZ(readFileSync(from)));
      await scale('-relabelled', 'map-relabelled.mrc');
      // LocScale's octant profile treats the three axes alike; the sums run in another order.
      expect(relativeL2(out('out-relabelled.mrc'), out('out.mrc'))).toBeLessThan(1e-5);
    });
  });

  it('takes the non-zero region where the noise boxes hold zeros only (emd_0093)', async () => {
    const workspace = new Workspace();
    try {
      const map = sharedPath('maps', 'emd_0093_hcn4', 'emd_0093_masked4A.mrc.gz');
      const result = await runCli(workspace.folder, ['mask', map, '-o', 'mask.mrc']);
      expect(result.code).toBe(0);
      expect(result.stderr).toMatch(
        /^warning: The map is masked, its noise boxes hold no noise \(variance 0\); the non-zero region of the map \(\d+ A\^3\) is the mask instead\.$/m,
      );
      // Without noise there is no confidence.
      expect(workspace.list()).toEqual(['mask.json', 'mask.mrc']);
    } finally {
      workspace.remove();
    }
  });

  it('does not blame the model for a collapsed mask (EMD-3240)', async () => {
    const workspace = new Workspace();
    try {
      const model = sharedPath('maps', 'emd_3240_5fn5', '5fn5_box_complete.pdb');
      const map = sharedPath('maps', ...emd3240);
      const args = ['-em', map, '-mc', model, '--skip_refine', '-v', '--engine', 'cpu', '-np', '2'];
      const { code, stdout, stderr } = await runCli(workspace.folder, args);
      expect(code).toBe(0);
      expect(stderr).toContain('the surroundings of the model');
      expect(stderr).not.toContain('does not fit');
      expect(Number(/correlation (-?[\d.]+) around its atoms/.exec(stdout)?.[1])).toBeGreaterThan(0.6);
    } finally {
      workspace.remove();
    }
  });

  it('names both voxel sizes where a header is wrong (relion_betagal)', async () => {
    const workspace = new Workspace();
    try {
      const [map, other] = ['betaGal.mrc', 'localResolution.mrc'].map((n) =>
        sharedPath('maps', 'relion_betagal', n),
      );
      const result = await runCli(workspace.folder, ['-em', map, '-mm', other]);
      expect(result.code).toBe(3);
      expect(result.stderr).toMatch(/differ in voxel size: .*betaGal\.mrc has 3\.54 A, .* has 1 A\./);
    } finally {
      workspace.remove();
    }
  });
});

/** The input on its own grid and in its own axis order, low-passed or as a mask, written by the library. */
async function writeCopy(
  from: string,
  to: string,
  change: { readonly lowPass: number } | { readonly binarise: number },
): Promise<void> {
  const engine = await createCpuEngine({ threads: 2 });
  try {
    const image = await readMapFile(from, { engine });
    const volume = await engine.upload(image.data, image.grid.shape);
    const changed =
      'lowPass' in change
        ? await engine.radialFilter(volume, tanhLowPass(change.lowPass, image.grid.voxelSize[0]))
        : (await engine.binarise(volume, change.binarise)).mask;
    const copy: MapImage = { ...image, data: await engine.download(changed) };
    writeFileSync(to, await collect(writeMrc(copy, { label: 'made by a test' })));
  } finally {
    await engine.dispose();
  }
}

function bytesOf(path: string): Buffer {
  const bytes = readFileSync(path);
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

/** Read word by word from the specification's table, without the library. */
function spatialFields(path: string) {
  const bytes = bytesOf(path);
  const words = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, i) => bytes.readInt32LE(4 * (first + i - 1)));
  const floats = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, i) => bytes.readFloatLE(4 * (first + i - 1)));
  return {
    extents: words(1, 3),
    start: words(5, 7),
    sampling: words(8, 10),
    cell: floats(11, 16),
    axes: words(17, 19),
    spaceGroup: words(23, 23),
    extendedHeader: bytes.subarray(1024, 1024 + bytes.readInt32LE(92)).toString('latin1'),
    origin: floats(50, 52),
  };
}

/** Voxels of a little-endian float32 map in file order. */
function voxelsOf(path: string): Float32Array {
  const bytes = bytesOf(path);
  expect(bytes.readInt32LE(12)).toBe(2);
  return new Float32Array(Uint8Array.from(bytes.subarray(1024 + bytes.readInt32LE(92))).buffer);
}

function exchangeXAndZ(bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  // MX and MZ, cell edges a and c, MAPC and MAPS.
  for (const [one, other] of [
    [28, 36],
    [40, 48],
    [64, 72],
  ]) {
    bytes.copy(out, one, other, other + 4);
    bytes.copy(out, other, one, one + 4);
  }
  return out;
}

function readManifest(workspace: Workspace): { numbers: { maskVoxels: number } } {
  return JSON.parse(readFileSync(workspace.path('out.json'), 'utf8'));
}

/** Pearson's correlation over the voxels of the mask. */
function correlation(a: Float32Array, b: Float32Array, mask: Float32Array): number {
  const sums = { n: 0, a: 0, b: 0, aa: 0, bb: 0, ab: 0 };
  mask.forEach((inside, i) => {
    if (!(inside > 0.5)) return;
    sums.n++;
    sums.a += a[i];
    sums.b += b[i];
    sums.aa += a[i] ** 2;
    sums.bb += b[i] ** 2;
    sums.ab += a[i] * b[i];
  });
  const { n } = sums;
  return (
    (n * sums.ab - sums.a * sums.b) / Math.sqrt((n * sums.aa - sums.a ** 2) * (n * sums.bb - sums.b ** 2))
  );
}
