/**
 * Checks in about a second that an engine computes correctly on this machine: a low-pass filter with a
 * closed-form result, and local scaling of a few voxels against a direct float64 computation of method 4.
 * Drivers do miscompile shaders, and no map may come from such a device.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import { localScaling } from '../engine/jobs.ts';
import { LocScaleError } from '../errors.ts';
import { tanhLowPass } from '../math/fourier/radial-transfer.ts';
import { shellInterpolation } from '../math/fourier/shell-kernels.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { shellWeights } from '../math/scaling/windows.ts';
import { createRandom } from '../math/statistics/random.ts';

/** Printed by `devices`; decides whether `auto` uses the GPU. */
export interface SelfTestResult {
  /** False: the device must not compute maps. */
  readonly ok: boolean;
  /** Compilation included, which is most of it. */
  readonly milliseconds: number;
  /** Reason for a failure. */
  readonly reason?: string;
  /** The error thrown by the engine, if that is the reason. */
  readonly error?: unknown;
}

/** Box of the local scaling. */
const EDGE = 16;
/** Windows of `WINDOW` voxels reach beyond its faces, so that padding is tested, too. */
const SHAPE: Shape = [EDGE, EDGE, EDGE];
/** Box of the low-pass: EDGE + WINDOW, so that both need Fourier transforms of the same length compiled. */
const FILTER_EDGE = 24;
const FILTER_SHAPE: Shape = [FILTER_EDGE, FILTER_EDGE, FILTER_EDGE];
/** Window of the local scaling, in voxels. */
const WINDOW = 8;
/** Voxels compared: each costs a DFT by its definition in float64. */
const SCALED_VOXELS = 50;
/** Plane waves in the test map of the low-pass. */
const WAVES = 40;
/** Float32 engines stay below 1e-6 here; a wrong shader is off by more than 1e-2. */
const TOLERANCE = 1e-4;
/**
 * The work itself takes well under a second; the time is for the driver's first compilation of all shaders:
 * seconds with a cold cache on hardware, up to 10 s on SwiftShader under wgpu with a busy CPU.
 */
const TIMEOUT_MILLISECONDS = { hardware: 30_000, software: 120_000 } as const;

/** Never throws: any failure becomes the reason. An engine that timed out must not be used again. */
export async function selfTest(
  engine: Engine,
  kind: keyof typeof TIMEOUT_MILLISECONDS,
  { timeoutMilliseconds = TIMEOUT_MILLISECONDS[kind] as number } = {},
): Promise<SelfTestResult> {
  const begun = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeOut = new Promise<never>((_, reject) => {
    const message = `it did not finish within ${timeoutMilliseconds / 1000} s`;
    timer = setTimeout(() => reject(new LocScaleError('no-device', message)), timeoutMilliseconds);
  });
  try {
    const work = compare(engine);
    // Avoids an unhandled rejection after a time-out.
    work.catch(() => undefined);
    const reason = await Promise.race([work, timeOut]);
    const milliseconds = performance.now() - begun;
    return { ok: reason === undefined, milliseconds, ...(reason === undefined ? {} : { reason }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, milliseconds: performance.now() - begun, reason, error };
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined if the engine's results are correct. */
async function compare(engine: Engine): Promise<string | undefined> {
  const checks = [
    ['low-pass', await checkLowPass(engine)],
    ['local scaling', await checkLocalScaling(engine)],
  ] as const;
  const wrong = checks.find(([, error]) => !(error <= TOLERANCE));
  return (
    wrong &&
    `its ${wrong[0]} is wrong by ${wrong[1].toExponential(1)} (relative, at most ${TOLERANCE} allowed)`
  );
}

/** A sum of plane waves cos(2 pi k.r / n + phase): the filter multiplies each by its value at |k| / n. */
async function checkLowPass(engine: Engine): Promise<number> {
  const random = createRandom(1);
  const transfer = tanhLowPass(4, 1);
  const input = new Float64Array(voxelCount(FILTER_SHAPE));
  const expected = new Float64Array(input.length);
  for (let wave = 0; wave < WAVES; wave++) {
    const k = [0, 1, 2].map(() => random.integer(-FILTER_EDGE / 2, FILTER_EDGE / 2));
    const phase = 2 * Math.PI * random.uniform();
    const frequency = Math.hypot(...k) / FILTER_EDGE;
    const gain =
      transfer.table[Math.round((frequency / transfer.maxFrequency) * (transfer.table.length - 1))];
    for (let i = 0; i < input.length; i++) {
      const turns =
        k[0] * Math.floor(i / FILTER_EDGE ** 2) +
        k[1] * (Math.floor(i / FILTER_EDGE) % FILTER_EDGE) +
        k[2] * (i % FILTER_EDGE);
      const value = Math.cos((2 * Math.PI * turns) / FILTER_EDGE + phase);
      input[i] += value;
      expected[i] += gain * value;
    }
  }
  const volume = await engine.upload(toHost(engine, input), FILTER_SHAPE);
  const filtered = await engine.radialFilter(volume, transfer);
  const error = relativeError(await engine.download(filtered), expected);
  engine.release(volume, filtered);
  return error;
}

/** Rule 'reference-profile': the factor of shell r is the ratio of the two radial profiles. */
async function checkLocalScaling(engine: Engine): Promise<number> {
  const random = createRandom(2);
  const noise = (): Float64Array =>
    Float64Array.from({ length: EDGE ** 3 }, () => Math.fround(random.gaussian()));
  const [map, reference] = [noise(), noise()];
  const mask = new Float64Array(map.length);
  // Anywhere in the box, so that some windows reach beyond it.
  const voxels = Array.from({ length: SCALED_VOXELS }, () => random.integer(0, mask.length - 1));
  for (const voxel of voxels) mask[voxel] = 1;
  const padValues = { map: 0.25, reference: -0.5 };
  const expected = new Float64Array(map.length);
  for (const voxel of voxels) expected[voxel] = scaleDirectly(map, reference, voxel, padValues);

  const volumes: Volume[] = [];
  for (const data of [map, reference, mask]) volumes.push(await engine.upload(toHost(engine, data), SHAPE));
  const { scaled } = await localScaling(engine, {
    map: volumes[0],
    reference: volumes[1],
    mask: volumes[2],
    windowVoxels: WINDOW,
    profileKind: 'octant',
    rule: { kind: 'reference-profile', voxelSize: 1, wilsonCutoff: 10, fscCutoff: 3 },
    padValues,
    measureBFactors: false,
  });
  const error = relativeError(await engine.download(scaled), expected);
  engine.release(...volumes, scaled);
  return error;
}

/** Local scaling of one voxel by definition: profiles, factors and the inverse transform at the centre. */
function scaleDirectly(
  map: Float64Array,
  reference: Float64Array,
  voxel: number,
  padValues: { map: number; reference: number },
): number {
  const spectrum = transformWindow(map, voxel, padValues.map);
  const mapProfile = profileOf(spectrum);
  const referenceProfile = profileOf(transformWindow(reference, voxel, padValues.reference));
  const h = WINDOW / 2;
  const factor = (r: number): number => referenceProfile[r] / mapProfile[r];
  let sum = 0;
  for (let i = 0; i < WINDOW ** 3; i++) {
    const index = [Math.floor(i / WINDOW ** 2), Math.floor(i / WINDOW) % WINDOW, i % WINDOW];
    const { lower, t } = shellInterpolation(Math.hypot(...index.map((k) => Math.min(k, WINDOW - k))), h);
    const weight = (1 - t) * factor(lower) + (t === 0 ? 0 : t * factor(lower + 1));
    // The centre voxel of the inverse transform: exp(2 pi i (a + b + c) / 2).
    sum += ((index[0] + index[1] + index[2]) % 2 === 0 ? weight : -weight) * spectrum.re[i];
  }
  return sum / WINDOW ** 3;
}

/** Coefficients of a window, (z, y, x). */
interface Spectrum {
  /** Real parts, (kz, ky, kx), all of them. */
  readonly re: Float64Array;
  /** Imaginary parts, same order. */
  readonly im: Float64Array;
}

/** DFT by its definition, axis after axis, of the window [v - h, v + h) around a voxel. */
function transformWindow(data: Float64Array, voxel: number, padValue: number): Spectrum {
  const corner = [Math.floor(voxel / EDGE ** 2), Math.floor(voxel / EDGE) % EDGE, voxel % EDGE].map(
    (position) => position - WINDOW / 2,
  );
  let re = new Float64Array(WINDOW ** 3);
  let im = new Float64Array(WINDOW ** 3);
  for (let i = 0; i < re.length; i++) {
    const [z, y, x] = [
      corner[0] + Math.floor(i / WINDOW ** 2),
      corner[1] + (Math.floor(i / WINDOW) % WINDOW),
      corner[2] + (i % WINDOW),
    ];
    const inside = [z, y, x].every((position) => position >= 0 && position < EDGE);
    re[i] = inside ? data[(z * EDGE + y) * EDGE + x] : padValue;
  }
  for (const stride of [1, WINDOW, WINDOW ** 2]) {
    const [nextRe, nextIm] = [new Float64Array(re.length), new Float64Array(re.length)];
    for (let i = 0; i < re.length; i++) {
      const k = Math.floor(i / stride) % WINDOW;
      for (let j = 0; j < WINDOW; j++) {
        const from = i + (j - k) * stride;
        const angle = (-2 * Math.PI * ((j * k) % WINDOW)) / WINDOW;
        nextRe[i] += re[from] * Math.cos(angle) - im[from] * Math.sin(angle);
        nextIm[i] += re[from] * Math.sin(angle) + im[from] * Math.cos(angle);
      }
    }
    re = nextRe;
    im = nextIm;
  }
  return { re, im };
}

/** Means of |F| over the octant's shells, orthonormal. */
function profileOf({ re, im }: Spectrum): Float64Array {
  const { a, b, c, shell, multiplicity, counts } = shellWeights(WINDOW, 'octant');
  const profile = new Float64Array(counts.length);
  for (let i = 0; i < shell.length; i++) {
    const at = (a[i] * WINDOW + b[i]) * WINDOW + c[i];
    profile[shell[i]] += (multiplicity[i] * Math.hypot(re[at], im[at])) / counts[shell[i]];
  }
  return profile;
}

/** In memory that the engine can upload. */
function toHost(engine: Engine, values: Float64Array): Float32Array {
  const host = engine.allocateHost(values.length);
  host.set(values);
  return host;
}

/** Relative L2 distance. */
function relativeError(ours: Float32Array, expected: Float64Array): number {
  let difference = 0;
  let norm = 0;
  expected.forEach((value, i) => {
    difference += (ours[i] - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}
