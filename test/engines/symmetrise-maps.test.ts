/**
 * Averages over point groups of maps as they are: symmetric models, noise, larger boxes; on the CPU engine
 * only.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Atom } from '../../src/math/atoms/atom.ts';
import { tabulateTransfer } from '../../src/math/fourier/radial-transfer.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { type Operator, pointGroup } from '../../src/math/symmetry/point-group.ts';
import { applyMatrix } from '../../src/math/symmetry/rotation.ts';
import { simulateMap } from '../../src/synthetic/simulate-map.ts';
import { relativeL2 } from '../support/compare.ts';
import { noiseVolume } from '../support/random-volume.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await createCpuEngine({ threads: 2 });
});
afterAll(() => engine.dispose());

const VOXEL = 1.5;

/**
 * Sharp carbon atoms (B = 20 A^2; a real map has 50 and more) at random places, and their copies, about voxel
 * floor(n/2).
 */
function symmetricMap(n: number, operators: readonly Operator[]): Float32Array {
  const random = createRandom(11);
  const centre = Math.floor(n / 2) * VOXEL;
  const reach = 0.28 * n * VOXEL;
  const atoms: Atom[] = [];
  for (let i = 0; i < 12; i++) {
    const place = [0.5, 0.2, 0.35].map((c) => reach * c + 6 * (random.uniform() - 0.5));
    for (const m of operators) {
      const [x, y, z] = applyMatrix(m, [place[0], place[1], place[2]]).map((c) => c + centre);
      atoms.push({
        ...{ element: 'C', x, y, z, bFactor: 20, occupancy: 1, chain: 'A', residueNumber: 1 },
        ...{ residueName: 'GLY', atomName: 'CA' },
      });
    }
  }
  const grid = { shape: [n, n, n], voxelSize: [VOXEL, VOXEL, VOXEL], origin: [0, 0, 0] } as const;
  return Float32Array.from(simulateMap(atoms, grid));
}

const average = async (
  data: Float32Array,
  shape: Shape,
  operators: readonly Operator[],
): Promise<Float32Array> => {
  const volume = await engine.upload(data.slice(), shape);
  const result = await engine.symmetrise(volume, operators);
  const out = Float32Array.from(await engine.download(result));
  engine.release(volume, result);
  return out;
};

/** Without frequencies from 0.8 of the Nyquist frequency on; they fade from `fade` cycles per voxel. */
const limited = async (data: Float32Array, shape: Shape, fade = 0.4): Promise<Float32Array> => {
  const volume = await engine.upload(data.slice(), shape);
  const result = await engine.radialFilter(
    volume,
    tabulateTransfer((f) =>
      f <= fade && f < 0.4 ? 1 : f >= 0.4 ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * (f - fade)) / (0.4 - fade)),
    ),
  );
  const out = Float32Array.from(await engine.download(result));
  engine.release(volume, result);
  return out;
};

const sphere = (n: number, share: number): Float32Array =>
  Float32Array.from({ length: n ** 3 }, (_, i) => {
    const c = Math.floor(n / 2);
    const [z, y, x] = [Math.floor(i / (n * n)) - c, (Math.floor(i / n) % n) - c, (i % n) - c];
    return Math.hypot(z, y, x) <= share * n ? 1 : 0;
  });

const power = (data: Float32Array, where: Float32Array): number =>
  data.reduce((sum, value, i) => sum + (where[i] > 0.5 ? value * value : 0), 0);

describe('averages of maps', () => {
  // Interpolation is right to 1e-4. What is left is ringing of the simulated map, which meets its periodic
  // images at the faces of the box, where it is not symmetric: up to 6e-4 in the whole box, 1.4e-4 in a
  // sphere of 0.8 of its width.
  it.each(['C3', 'C7', 'D2', 'D7', 'T', 'O', 'I1', 'I2'])(
    'a symmetric model keeps its map: %s (1e-3)',
    async (name) => {
      for (const n of [64, 65]) {
        const operators = pointGroup(name);
        const shape: Shape = [n, n, n];
        const map = symmetricMap(n, operators);
        const averaged = await average(map, shape, operators);
        const difference = relativeL2(await limited(averaged, shape), await limited(map, shape));
        expect(difference).toBeLessThan(1e-3);
      }
    },
  );

  it.each(['C7', 'D7', 'O', 'I'])('noise loses its share of power: %s (2 percent)', async (name) => {
    const n = name === 'I' ? 160 : 112;
    const shape: Shape = [n, n, n];
    const operators = pointGroup(name);
    const noise = await limited(
      noiseVolume(shape, 12).map((v) => v - 0.2),
      shape,
    );
    const averaged = await average(noise, shape, operators);
    const where = sphere(n, 0.48);
    const ratio = (power(averaged, where) / power(noise, where)) * operators.length;
    expect(Math.abs(ratio - 1)).toBeLessThan(0.02);
  });

  it.each(['C3', 'C7', 'D7', 'T', 'I'])('twice is once: %s (2e-3)', async (name) => {
    const n = 64;
    const shape: Shape = [n, n, n];
    const operators = pointGroup(name);
    const inside = sphere(n, 0.4);
    // Up to 0.8 of the Nyquist frequency, fading. Averages cut the spectrum at the Nyquist frequency, but a
    // turned map in a box has no sharp one: white noise up to that frequency changes by 6 % the second time.
    const noise = await limited(
      noiseVolume(shape, 13).map((v, i) => (v - 0.2) * inside[i]),
      shape,
      0.25,
    );
    const once = await average(noise, shape, operators);
    const twice = await average(once, shape, operators);
    expect(relativeL2(twice, once)).toBeLessThan(2e-3);
  });

  it('does not depend on the number of threads, bit for bit', async () => {
    const shape: Shape = [40, 41, 40];
    const data = noiseVolume(shape, 14);
    const expected = await average(data, shape, pointGroup('D3'));
    const single = await createCpuEngine({ threads: 1 });
    const volume = await single.upload(data.slice(), shape);
    const result = await single.symmetrise(volume, pointGroup('D3'));
    expect(Float32Array.from(await single.download(result))).toEqual(expected);
    await single.dispose();
  });

  it('says so when it does not fit the memory', async () => {
    const shape: Shape = [40, 40, 40];
    const small = await createCpuEngine({ threads: 1, memoryLimitBytes: 3 * 4 * voxelCount(shape) });
    const volume = await small.upload(new Float32Array(voxelCount(shape)), shape);
    await expect(small.symmetrise(volume, pointGroup('C3'))).rejects.toThrow(/memory limit/);
    await small.dispose();
  });
});
