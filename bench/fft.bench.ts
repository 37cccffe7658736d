/**
 * Real 3D FFT of whole volumes: this engine, and the fastest packages on npm on one thread.
 *   forward, and forward + inverse   the CPU engine's transforms alone, on this thread, over reused memory;
 *                   copies into and out of kernel memory included
 *   filter          engine verb radialFilter: forward, multiplication by a radial function, inverse
 *   shellSums       engine verb shellSpectra(a, a): forward, and the sums over shells
 * The packages do forward, and forward + inverse without any multiplication.
 */

import { measure } from '../src/bench/clock.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import { directCoefficients, sampleFrequencies } from '../src/bench/oracles.ts';
import { forwardPlanes, inversePlanes, ROWS_PER_TASK, type SharedSpectrum } from '../src/cpu-fallback/fft.ts';
import { Kernels } from '../src/cpu-fallback/kernels/kernels.ts';
import type { Engine, Volume } from '../src/engine/engine.ts';
import { spectrumPitch } from '../src/math/fourier/fft-plan.ts';
import { tabulateTransfer } from '../src/math/fourier/radial-transfer.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import { readAsset } from '../src/platform/index.ts';
import type { BenchContext } from './context.ts';
import { openPackages, PACKAGE_NAMES } from './npm-fft.ts';
import type { FftResult, PackageFftResult } from './results.ts';

/** float32 transforms of these sizes err by 1e-7 to 3e-7; 1e-6 leaves room for Bluestein's lengths. */
const LIMIT = 1e-6;

export async function benchFft(context: BenchContext): Promise<FftResult[]> {
  const edges = context.quick ? [64, 90] : [128, 180, 256, 251];
  const results: FftResult[] = [];
  for (const edge of edges) results.push(await benchEdge(context, edge));
  return results;
}

async function benchEdge(context: BenchContext, edge: number): Promise<FftResult> {
  const { oneThread, allThreads, quick, say } = context;
  const runs = quick ? 1 : edge > 200 ? 5 : 9;
  const noise = whiteNoise(edge);
  const frequencies = sampleFrequencies(edge);
  const oracle = directCoefficients(noise, edge, frequencies);
  const gates: Gate[] = [];
  const back = new Float32Array(edge ** 3);

  const transform = oneThread.name === 'cpu' ? await openTransform(edge) : undefined;
  if (transform) {
    transform.forward(noise);
    const found = frequencies.flatMap((k) => transform.coefficient(...k));
    gates.push(checkGate(`forward FFT ${edge}^3 against the float64 sum`, found, oracle, LIMIT));
    transform.inverse(back);
    gates.push(checkGate(`forward and inverse FFT ${edge}^3 against the input`, back, noise, LIMIT));
  }
  gates.push(await gateFilter(oneThread, edge));
  if (allThreads !== oneThread) gates.push(await gateFilter(allThreads, edge));
  gates.push(await gateShellSums(oneThread, noise, edge));

  const forward = transform && (await measure(() => transform.forward(noise), { runs }));
  const forwardAndInverse =
    transform &&
    (await measure(
      () => {
        transform.forward(noise);
        transform.inverse(back);
      },
      { runs },
    ));
  const flat = tabulateTransfer(() => 1);
  const filter = async (engine: Engine) => {
    const volume = await engine.upload(Float32Array.from(noise), [edge, edge, edge]);
    const timing = await measure(async () => engine.release(await engine.radialFilter(volume, flat)), {
      runs,
    });
    engine.release(volume);
    return timing;
  };
  const filterOneThread = await filter(oneThread);
  const filterAllThreads = allThreads === oneThread ? undefined : await filter(allThreads);
  const volume = await oneThread.upload(Float32Array.from(noise), [edge, edge, edge]);
  const shellSums = await measure(() => oneThread.shellSpectra(volume, volume), { runs: Math.min(runs, 3) });
  oneThread.release(volume);

  const packages: PackageFftResult[] = [];
  const opened = await openPackages(context.packagesFolder, edge);
  if (opened.length === 0) say(`  no npm package to compare with: none of ${PACKAGE_NAMES.join(', ')} found`);
  for (const fft of opened) {
    fft.forward(noise);
    const found = frequencies.flatMap(([z, y, x]) => fft.coefficient(z, y, x));
    // Only to know that the comparison does the same work.
    const gate = checkGate(`${fft.name} ${edge}^3 against the float64 sum`, found, oracle, 1e-5);
    const slow = fft.name.startsWith('ndarray');
    const packageRuns = slow ? 1 : Math.min(runs, 5);
    packages.push({
      name: fft.name,
      gate,
      forward: await measure(() => fft.forward(noise), { runs: packageRuns, warmUps: slow ? 0 : 1 }),
      forwardAndInverse: await measure(
        () => {
          fft.forward(noise);
          fft.inverse(back);
        },
        { runs: packageRuns, warmUps: 0 },
      ),
    });
  }
  const result: FftResult = {
    edge,
    gates,
    ...(forward && forwardAndInverse ? { forward, forwardAndInverse } : {}),
    filterOneThread,
    ...(filterAllThreads ? { filterAllThreads } : {}),
    shellSums,
    packages,
  };
  say(describe(result));
  return result;
}

function describe(r: FftResult): string {
  const ms = (seconds: number): string => `${(seconds * 1000).toFixed(0)} ms`;
  const packages = r.packages.map(
    (p) => `${p.name}: forward ${ms(p.forward.median)}, and inverse ${ms(p.forwardAndInverse.median)}`,
  );
  const own = [
    ...(r.forward ? [`forward ${ms(r.forward.median)}`] : []),
    ...(r.forwardAndInverse ? [`and inverse ${ms(r.forwardAndInverse.median)}`] : []),
    `filter ${ms(r.filterOneThread.median)}`,
    ...(r.filterAllThreads ? [`filter, all threads ${ms(r.filterAllThreads.median)}`] : []),
    `shell sums ${ms(r.shellSums.median)}`,
  ];
  return `  ${r.edge}^3: ${own.join(', ')}${packages.map((p) => `\n         ${p}`).join('')}`;
}

/** The CPU engine's transforms on this thread: its planes and its columns along z. */
async function openTransform(edge: number) {
  const wasm = await readAsset(new URL('../src/cpu-fallback/kernels/kernels.wasm', import.meta.url));
  const kernels = new Kernels(new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>));
  const pitch = spectrumPitch(edge);
  const spectrum: SharedSpectrum = {
    shape: [edge, edge, edge],
    pitch,
    re: new Float32Array(edge * edge * pitch),
    im: new Float32Array(edge * edge * pitch),
  };
  kernels.fftPlan(edge);
  const columnsOfRows = (from: number, to: number, inverse: boolean): void => {
    const count = (to - from) * pitch;
    const memory = kernels.mark();
    const [re, im] = [kernels.allocate(4 * edge * count), kernels.allocate(4 * edge * count)];
    const parts = [
      { volume: spectrum.re, block: kernels.floats(re, edge * count) },
      { volume: spectrum.im, block: kernels.floats(im, edge * count) },
    ];
    for (const { volume, block } of parts) {
      for (let z = 0; z < edge; z++) {
        const at = (z * edge + from) * pitch;
        block.set(volume.subarray(at, at + count), z * count);
      }
    }
    // The inverse transform is the forward one with re and im exchanged.
    const [first, second] = inverse ? [im, re] : [re, im];
    kernels.exports.fftColumns(kernels.fftPlan(edge), first, second, 4 * count, count / 4);
    for (const { volume, block } of parts) {
      for (let z = 0; z < edge; z++) {
        volume.set(block.subarray(z * count, (z + 1) * count), (z * edge + from) * pitch);
      }
    }
    kernels.release(memory);
  };
  const columns = (inverse: boolean): void => {
    for (let y = 0; y < edge; y += ROWS_PER_TASK)
      columnsOfRows(y, Math.min(edge, y + ROWS_PER_TASK), inverse);
  };
  return {
    forward: (volume: Float32Array): void => {
      forwardPlanes(kernels, volume, spectrum, 0, edge);
      columns(false);
    },
    inverse: (out: Float32Array): void => {
      columns(true);
      inversePlanes(kernels, spectrum, out, 0, edge);
    },
    coefficient: (kz: number, ky: number, kx: number): [number, number] => {
      const at = (kz * edge + ky) * pitch + kx;
      return [spectrum.re[at], spectrum.im[at]];
    },
  };
}

/** A sum of plane waves, filtered: every wave is multiplied by g at its frequency, exactly known. */
async function gateFilter(engine: Engine, edge: number): Promise<Gate> {
  const g = (f: number): number => Math.exp(-2 * f * f);
  const waves = sampleFrequencies(edge).slice(0, 4);
  const wave = (gain: (f: number) => number): Float32Array => {
    const sum = new Float64Array(edge ** 3);
    for (const [kz, ky, kx] of waves) {
      const signed = (k: number): number => (2 * k < edge ? k : k - edge) / edge;
      const amplitude = gain(Math.hypot(signed(kz), signed(ky), signed(kx)));
      const cos = Float64Array.from({ length: edge }, (_, i) => Math.cos((2 * Math.PI * i) / edge));
      for (let z = 0, i = 0; z < edge; z++) {
        for (let y = 0; y < edge; y++) {
          const start = kz * z + ky * y;
          for (let x = 0; x < edge; x++, i++) sum[i] += amplitude * cos[(start + kx * x) % edge];
        }
      }
    }
    return Float32Array.from(sum);
  };
  const volume = await engine.upload(
    wave(() => 1),
    [edge, edge, edge],
  );
  const filtered: Volume = await engine.radialFilter(volume, tabulateTransfer(g));
  const found = Float32Array.from(await engine.download(filtered));
  engine.release(volume, filtered);
  const name = `radialFilter ${edge}^3 (${engine.description}) of plane waves against their exact amplitudes`;
  return checkGate(name, found, wave(g), LIMIT);
}

/**
 * Sums over shells against Parseval: no shell beyond the sphere, so only their order of size can be exact.
 */
async function gateShellSums(engine: Engine, noise: Float32Array, edge: number): Promise<Gate> {
  const volume = await engine.upload(Float32Array.from(noise), [edge, edge, edge]);
  const { powerA, cross } = await engine.shellSpectra(volume, volume);
  engine.release(volume);
  const lowest = sampleShell(noise, edge);
  return checkGate(
    `shellSpectra ${edge}^3, shell 0 and 1 against the float64 sum`,
    [powerA[0], powerA[1], cross[1]],
    [lowest[0], lowest[1], lowest[1]],
    LIMIT,
  );
}

/** Power of the coefficients of the half spectrum with floor(|k|) = 0 and 1. */
function sampleShell(noise: Float32Array, edge: number): [number, number] {
  const power: [number, number] = [0, 0];
  const list: [number, number, number][] = [];
  for (const kz of [-1, 0, 1]) {
    for (const ky of [-1, 0, 1]) {
      for (const kx of [0, 1]) list.push([(kz + edge) % edge, (ky + edge) % edge, kx]);
    }
  }
  const sums = directCoefficients(noise, edge, list);
  list.forEach((k, i) => {
    const signed = k.map((v) => (v === edge - 1 ? -1 : v));
    const shell = Math.floor(Math.sqrt(signed.reduce((sum, v) => sum + v * v, 0)));
    if (shell <= 1) power[shell as 0 | 1] += sums[2 * i] ** 2 + sums[2 * i + 1] ** 2;
  });
  return power;
}

export function whiteNoise(edge: number): Float32Array {
  const random = createRandom(20);
  return Float32Array.from({ length: edge ** 3 }, () => random.gaussian());
}
