/**
 * `node bench/gpu-check.mjs [options]`: is a GPU's every result right? Needs dist/ and nothing for
 * development, so that it also runs on a machine without npm (tools/pack-for-gpu-machine.mjs).
 *   --golden FOLDER         folder that holds golden/: the original program's outputs, whole maps and all modes
 *   --out FILE              the differences as JSON
 *   --gpu_ids N             index or part of the name of the GPU
 *   --allow-software-gpu    a software GPU will do
 *   --lengths all|some      transforms of all lengths of the goal (default), or of a few
 * Always: transforms against float64 sums, and every verb against the CPU engine on generated volumes.
 * Exit code 1 if anything is beyond its limit.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createCpuEngine } from '../dist/cpu-fallback/index.js';
import { localScaling } from '../dist/engine/jobs.js';
import { createRealFft3d, planRealFft3d } from '../dist/gpu/fft.js';
import { selectEngine } from '../dist/index.js';
import { tabulateTransfer, tanhLowPass } from '../dist/math/fourier/radial-transfer.js';
import { resampleTheoreticalProfile } from '../dist/math/scaling/scaling-rules.js';
import { shellCountOf } from '../dist/math/scaling/windows.js';
import { defaultNoiseBoxes, defaultNoiseBoxSize } from '../dist/math/statistics/confidence.js';
import { createRandom } from '../dist/math/statistics/random.js';
import { runtimeName } from '../dist/platform/index.js';

const { values } = parseArgs({
  options: {
    golden: { type: 'string' },
    out: { type: 'string' },
    gpu_ids: { type: 'string', multiple: true },
    'allow-software-gpu': { type: 'boolean', default: false },
    lengths: { type: 'string', default: 'all' },
  },
});

/** The goals: transforms; the two engines; the original. */
const LIMITS = { fft: 1e-6, engines: 5e-6, original: 1e-5 };
const LONG_LENGTHS = [263, 288, 300, 320, 360, 384, 400, 440, 480, 512];
const FEW_LENGTHS = [1, 2, 3, 5, 7, 8, 11, 13, 17, 24, 30, 31, 47, 64, 97, 121, 128, 169, 251, 256];
/** Voxels; the windows are 24 A wide. */
const WINDOW = 16;
const VOXEL_SIZE = 1.5;
const STORAGE = 0x0080 | 0x0004 | 0x0008;

const checks = [];

function record(title, relativeL2, limit) {
  const ok = relativeL2 <= limit;
  checks.push({ title, relativeL2, limit, ok });
  process.stdout.write(
    `${ok ? 'ok   ' : 'WRONG'} ${title}: ${relativeL2.toExponential(2)} (limit ${limit})\n`,
  );
}

/** Volumes that are 0 in both count as equal. */
function relativeL2(found, expected) {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

function noise(count, stream, sd = 1) {
  const random = createRandom(31, stream);
  return Float32Array.from({ length: count }, () => sd * random.gaussian());
}

/** Half spectrum of a real volume by the definition, one axis after the other, in float64: [re, im, ...]. */
function directSpectrum(data, [nz, ny, nx]) {
  let re = Float64Array.from(data);
  let im = new Float64Array(data.length);
  const along = (n, stride) => {
    const [outRe, outIm] = [new Float64Array(re.length), new Float64Array(re.length)];
    const cos = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
    const sin = Float64Array.from({ length: n }, (_, i) => Math.sin((2 * Math.PI * i) / n));
    for (let i = 0; i < re.length; i++) {
      const k = Math.floor(i / stride) % n;
      const first = i - k * stride;
      for (let j = 0, phase = 0; j < n; j++, phase = (phase + k) % n) {
        const at = first + j * stride;
        outRe[i] += re[at] * cos[phase] + im[at] * sin[phase];
        outIm[i] += im[at] * cos[phase] - re[at] * sin[phase];
      }
    }
    [re, im] = [outRe, outIm];
  };
  along(nx, 1);
  along(ny, nx);
  along(nz, nx * ny);
  const bins = Math.floor(nx / 2) + 1;
  const half = new Float64Array(2 * nz * ny * bins);
  for (let row = 0, at = 0; row < nz * ny; row++) {
    for (let kx = 0; kx < bins; kx++) {
      half[at++] = re[row * nx + kx];
      half[at++] = im[row * nx + kx];
    }
  }
  return half;
}

/** Forward transform against the sum, forward and inverse against the input; the larger error. */
async function transformError(gpu, shape) {
  const support = planRealFft3d(shape, gpu.limits);
  if (!support.ok) throw new Error(`${shape.join(' x ')}: ${support.reason}`);
  const fft = await createRealFft3d(gpu, support.plan);
  const [nz, ny, nx] = shape;
  const data = noise(nz * ny * nx, 1);
  const real = gpu.createBuffer('check volume', data.byteLength, STORAGE);
  const back = gpu.createBuffer('check result', data.byteLength, STORAGE);
  const spectrum = gpu.createBuffer('check spectrum', fft.spectrumBytes, STORAGE);
  const submit = (encode) => {
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encode(pass);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
  };
  try {
    gpu.device.queue.writeBuffer(real, 0, data);
    submit((pass) => fft.forward(pass, real, spectrum));
    const rows = new Float32Array(await gpu.read(spectrum, 0, fft.spectrumBytes));
    const bins = Math.floor(nx / 2) + 1;
    const found = new Float32Array(2 * nz * ny * bins);
    for (let row = 0; row < nz * ny; row++)
      found.set(rows.subarray(2 * row * fft.pitch, 2 * (row * fft.pitch + bins)), 2 * row * bins);
    submit((pass) => fft.inverse(pass, spectrum, back));
    const returned = new Float32Array(await gpu.read(back, 0, data.byteLength));
    return Math.max(relativeL2(found, directSpectrum(data, shape)), relativeL2(returned, data));
  } finally {
    for (const buffer of [real, back, spectrum]) gpu.destroyBuffer(buffer);
    fft.destroy();
  }
}

/** Every length along every axis. */
async function checkTransforms(gpu) {
  const all = [...Array.from({ length: 256 }, (_, i) => i + 1), ...LONG_LENGTHS];
  const lengths = values.lengths === 'all' ? all : FEW_LENGTHS;
  let worst = { error: 0, shape: [1, 1, 1] };
  for (const n of lengths) {
    for (const shape of [
      [n, 3, 4],
      [4, n, 3],
      [3, 4, n],
    ]) {
      const error = await transformError(gpu, shape);
      // The comparison is written so that NaN is the worst of all.
      if (!(error <= worst.error)) worst = { error, shape };
    }
  }
  const where = `${lengths.length} lengths along each axis, largest error at ${worst.shape.join(' x ')}`;
  record(`real FFT and back, ${where}`, worst.error, LIMITS.fft);
}

/** The verbs of both engines on generated volumes, boxes of odd, prime and unequal edges among them. */
async function checkVerbs(gpu, cpu) {
  for (const shape of [
    [40, 40, 40],
    [33, 46, 29],
  ]) {
    const name = shape.join(' x ');
    const count = shape[0] * shape[1] * shape[2];
    // The reference falls off with frequency, as maps do: B factors and R^2 of white noise are near 0 and
    // have no digits to compare.
    const white = await cpu.upload(noise(count, 3), shape);
    const falling = await cpu.radialFilter(
      white,
      tabulateTransfer((f) => Math.exp(-12 * f * f)),
    );
    const b = Float32Array.from(await cpu.download(falling));
    cpu.release(white, falling);
    const [mask, part] = [blob(shape, 0.5), blob(shape, 0.25)];
    const a = noise(count, 2).map((value, i) => 0.3 * value + 4 * mask[i]);
    const run = async (engine) => {
      const upload = (data) => {
        const host = engine.allocateHost(count);
        host.set(data);
        return engine.upload(host, shape);
      };
      const volume = { a: await upload(a), b: await upload(b), mask: await upload(mask) };
      const difference = await upload(part);
      const boxes = defaultNoiseBoxes(shape, defaultNoiseBoxSize(shape));
      const spectra = await engine.shellSpectra(volume.a, volume.b);
      const statistics = await engine.statistics(volume.a);
      const boxStatistics = await engine.noiseStatistics(volume.a, boxes);
      const binary = await engine.binarise(volume.a, 0.5);
      const found = {
        average: await engine.download(await engine.average(volume.a, volume.b)),
        radialFilter: await engine.download(await engine.radialFilter(volume.a, tanhLowPass(5, 1))),
        shellSpectra: [...spectra.cross, ...spectra.powerA, ...spectra.powerB, ...spectra.counts],
        statistics: [statistics.min, statistics.max, statistics.mean, statistics.sd],
        binarise: await engine.download(binary.mask),
        noiseStatistics: [boxStatistics.mean, boxStatistics.variance],
        confidenceMap: await engine.download(await engine.confidenceMap(volume.a, boxStatistics)),
      };
      for (const [title, rule] of Object.entries(scalingRules())) {
        for (const profileKind of ['octant', 'sphere']) {
          const { scaled, bFactor, quality } = await localScaling(engine, {
            map: volume.a,
            reference: volume.b,
            mask: volume.mask,
            differenceMask: difference,
            windowVoxels: WINDOW,
            profileKind,
            rule,
            padValues: { map: 0.01, reference: -0.02 },
            measureBFactors: true,
          });
          const label = `local scaling, ${title}, ${profileKind}`;
          found[label] = await engine.download(scaled);
          found[`${label}, B factors`] = await engine.download(bFactor);
          found[`${label}, quality`] = await engine.download(quality);
        }
      }
      return found;
    };
    const [ours, expected] = [await run(gpu), await run(cpu)];
    for (const [title, reference] of Object.entries(expected)) {
      record(`${name}, ${title}, against the CPU engine`, relativeL2(ours[title], reference), LIMITS.engines);
    }
  }
}

/** 1 inside an ellipsoid of that share of every edge. */
function blob(shape, share) {
  const inside = new Float32Array(shape[0] * shape[1] * shape[2]);
  for (let z = 0, i = 0; z < shape[0]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      for (let x = 0; x < shape[2]; x++, i++) {
        const at = [z, y, x].map((k, axis) => (2 * k - shape[axis]) / (share * shape[axis]));
        if (Math.hypot(...at) <= 1) inside[i] = 1;
      }
    }
  }
  return inside;
}

function scalingRules() {
  const common = { voxelSize: VOXEL_SIZE, wilsonCutoff: 10, fscCutoff: 3.5 };
  const frequency = Array.from({ length: 100 }, (_, i) => i / 100);
  // Exponential fall-off with a bump at 5 A: what the theoretical rule carries over.
  const amplitude = frequency.map(
    (f) => Math.exp(-2 * f) * (0.05 + Math.exp(-60 * f) + 0.02 * Math.exp(-(((f - 0.2) / 0.03) ** 2))),
  );
  const reference = { kind: 'reference-profile', ...common };
  const theoretical = {
    kind: 'theoretical-profile',
    ...common,
    nyquistCutoff: 3.1,
    boost: 1.5,
    theoreticalProfile: resampleTheoreticalProfile(
      { frequency, amplitude },
      shellCountOf(WINDOW),
      VOXEL_SIZE,
    ),
  };
  return {
    'reference profile': reference,
    'theoretical profile': theoretical,
    hybrid: { kind: 'hybrid', inside: theoretical, outside: reference },
    'no reference': { kind: 'no-reference', ...common, setLocalBFactor: 20 },
  };
}

async function checkGolden(engine) {
  const { openGolden } = await import('./golden.mjs');
  const { compareWholeMaps, compareWindow } = openGolden(values.golden, () => undefined);
  const { results, confidentVoxels } = await compareWholeMaps(engine);
  for (const { title, relativeL2: error } of [...results, ...(await compareWindow(engine))])
    record(`original: ${title}`, error, LIMITS.original);
  const share = Math.abs(confidentVoxels.ours / confidentVoxels.original - 1);
  record('original: voxels of confidence 0.99, share that differs', share, 1e-3);
}

const started = performance.now();
const loader = process.env.LOCSCALE_VULKAN_LOADER;
const { engine, reason } = await selectEngine({
  engine: 'gpu',
  allowSoftwareGpu: values['allow-software-gpu'],
  ...(values.gpu_ids === undefined ? {} : { gpuIds: values.gpu_ids }),
  ...(loader === undefined ? {} : { vulkanLoader: loader }),
});
process.stdout.write(`${engine.description} (${reason})\n`);
const cpu = await createCpuEngine({});
let finished = false;
try {
  await checkTransforms(engine.gpu);
  await checkVerbs(engine, cpu);
  if (values.golden !== undefined) await checkGolden(engine);
  finished = true;
} finally {
  const ok = finished && checks.every((check) => check.ok);
  if (values.out !== undefined) {
    const report = { schema: 1, gpu: engine.description, runtime: runtimeName(), ok, checks };
    writeFileSync(values.out, `${JSON.stringify(report, null, 1)}\n`);
  }
  const wrong = checks.filter((check) => !check.ok).length;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stdout.write(`${checks.length - wrong} of ${checks.length} right, ${seconds} s\n`);
  if (!ok) process.exitCode = 1;
  await engine.dispose();
  await cpu.dispose();
}
