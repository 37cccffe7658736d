/**
 * Single numbers of a result in float64, by their definitions: what the results of an engine are compared
 * with before they are timed.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import { bandScaling } from '../engine/jobs.ts';
import type { Shape } from '../math/grid.ts';
import { createRandom } from '../math/statistics/random.ts';
import type { BlobMaps } from './blob-map.ts';
import { checkGate, type Gate } from './gate.ts';
import { cutWindow, makeWindowTransform, scaledCentre, windowProfile } from './window-oracle.ts';

/** A sum over all voxels each. */
const SAMPLED_FREQUENCIES = 12;

/** Seeded frequencies of the half spectrum; `edge` is that of the box, or less to stay at low frequencies. */
export function sampleFrequencies(edge: number): [number, number, number][] {
  const random = createRandom(21, edge);
  return Array.from({ length: SAMPLED_FREQUENCIES }, () => [
    random.integer(0, edge - 1),
    random.integer(0, edge - 1),
    random.integer(0, Math.floor((edge - 1) / 2)),
  ]);
}

/** Sums by the definition of the DFT in float64: [re, im, re, im, ...]. */
export function directCoefficients(
  volume: Float32Array,
  edge: number,
  frequencies: readonly (readonly [number, number, number])[],
): number[] {
  const cos = Float64Array.from({ length: edge }, (_, i) => Math.cos((2 * Math.PI * i) / edge));
  const sin = Float64Array.from({ length: edge }, (_, i) => Math.sin((2 * Math.PI * i) / edge));
  return frequencies.flatMap(([kz, ky, kx]) => {
    let re = 0;
    let im = 0;
    for (let z = 0, i = 0; z < edge; z++) {
      for (let y = 0; y < edge; y++) {
        let rowRe = 0;
        let rowIm = 0;
        for (let x = 0, phase = 0; x < edge; x++, i++) {
          rowRe += volume[i] * cos[phase];
          rowIm -= volume[i] * sin[phase];
          phase += kx;
          if (phase >= edge) phase -= edge;
        }
        const turn = (kz * z + ky * y) % edge;
        re += rowRe * cos[turn] + rowIm * sin[turn];
        im += rowIm * cos[turn] - rowRe * sin[turn];
      }
    }
    return [re, im];
  });
}

/** Seeded mask voxels at least `margin` from the faces. */
export function sampleVoxels(maps: BlobMaps, count: number, margin: number): number[] {
  const [nz, ny, nx] = maps.shape;
  const inside: number[] = [];
  for (let z = margin, last = nz - margin; z < last; z++) {
    for (let y = margin; y < ny - margin; y++) {
      for (let x = margin; x < nx - margin; x++) {
        const i = (z * ny + y) * nx + x;
        if (maps.mask[i] > 0.5) inside.push(i);
      }
    }
  }
  const random = createRandom(22, margin);
  return Array.from({ length: count }, () => inside[random.integer(0, inside.length - 1)]);
}

/** LocScale's scaling by the profile of a reference, in windows of w^3, at some voxels. */
export function scaledVoxels(
  { shape, map, reference, padValues }: BlobMaps,
  w: number,
  voxels: readonly number[],
): number[] {
  const transform = makeWindowTransform(w);
  return voxels.map((index) => {
    const spectrum = transform(cutWindow(map, shape, index, w, padValues.map));
    const profile = windowProfile(spectrum, w, 'octant');
    const wanted = windowProfile(
      transform(cutWindow(reference, shape, index, w, padValues.reference)),
      w,
      'octant',
    );
    return scaledCentre(
      spectrum,
      w,
      wanted.map((value, r) => value / profile[r]),
    );
  });
}

/** FSC of two maps in Hann windows of w^3 around a voxel, shells of rounded radius 0 ... w / 2. */
export function windowFsc(
  maps: readonly [ArrayLike<number>, ArrayLike<number>],
  shape: Shape,
  w: number,
  voxel: number,
): number[] {
  const transform = makeWindowTransform(w);
  const weight = (i: number): number => 0.5 * (1 - Math.cos((2 * Math.PI * i) / w));
  const [a, b] = maps.map((data) =>
    transform(
      cutWindow(data, shape, voxel, w, 0).map(
        (value, i) => value * weight(Math.floor(i / (w * w))) * weight(Math.floor(i / w) % w) * weight(i % w),
      ),
    ),
  );
  const sums = Array.from({ length: w / 2 + 1 }, () => ({ cross: 0, one: 0, other: 0 }));
  const signed = (k: number): number => Math.min(k, w - k);
  for (let i = 0; i < w ** 3; i++) {
    const radius = Math.hypot(signed(Math.floor(i / (w * w))), signed(Math.floor(i / w) % w), signed(i % w));
    const shell = sums[Math.round(radius)];
    if (shell === undefined) continue;
    shell.cross += a.re[i] * b.re[i] + a.im[i] * b.im[i];
    shell.one += a.re[i] ** 2 + a.im[i] ** 2;
    shell.other += b.re[i] ** 2 + b.im[i] ** 2;
  }
  return sums.map(({ cross, one, other }) => cross / Math.sqrt(one * other));
}

/** Voxels, waves and voxel size of the box that soft scaling is checked on. */
const SOFT = { edge: 32, waves: 40, voxelSize: 1.05 };
/** Relative L2: what is left of the waves after all bands are added up, in float32. */
const SOFT_LIMIT = 1e-5;

/**
 * Soft scaling of a map without noise to itself: every gain is 1 and the bands add up to the map, a sum of
 * plane waves below Nyquist. What differs is an error of transforms, bands, windows or gains.
 */
export async function checkSoftScaling(engine: Engine): Promise<Gate> {
  const { edge, waves, voxelSize } = SOFT;
  const shape: Shape = [edge, edge, edge];
  const random = createRandom(25);
  const map = new Float64Array(edge ** 3);
  for (let wave = 0; wave < waves; ) {
    const k = [0, 1, 2].map(() => random.integer(-edge / 2, edge / 2));
    const phase = 2 * Math.PI * random.uniform();
    const radius = Math.hypot(...k);
    if (radius < 1 || radius > 0.45 * edge) continue;
    wave++;
    for (let i = 0; i < map.length; i++) {
      const turns =
        k[0] * Math.floor(i / edge ** 2) + k[1] * (Math.floor(i / edge) % edge) + k[2] * (i % edge);
      map[i] += Math.cos((2 * Math.PI * turns) / edge + phase);
    }
  }
  const upload = (): Promise<Volume> => engine.upload(Float32Array.from(map), shape);
  const [half1, half2, reference] = [await upload(), await upload(), await upload()];
  const { scaled } = await bandScaling(engine, {
    half1,
    half2,
    reference,
    voxelSize: [voxelSize, voxelSize, voxelSize],
    target: { kind: 'reference' },
  });
  const found = Float32Array.from(await engine.download(scaled));
  engine.release(half1, half2, reference, scaled);
  return checkGate('soft scaling of a map to itself', found, map, SOFT_LIMIT);
}
