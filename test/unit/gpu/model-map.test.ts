/** Atoms of blocks: complete lists, in runs that fit; volumes in several slabs. */
import { describe, expect, it } from 'vitest';
import { createGpuEngine } from '../../../src/gpu/index.ts';
import { planPlaneRuns } from '../../../src/gpu/model-map.ts';
import {
  BLOCK_EDGE,
  BLOCK_RECORD,
  countAtomBlocks,
  listAtomBlocks,
} from '../../../src/math/atoms/atom-blocks.ts';
import { planSplat, RECORD } from '../../../src/math/atoms/splat-plan.ts';
import type { Grid } from '../../../src/math/grid.ts';
import { relativeL2 } from '../../support/compare.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { randomAtoms } from '../../support/random-atoms.ts';

const GRID: Grid = { shape: [20, 33, 26], voxelSize: [1.1, 1, 0.9], origin: [5, -3, 0] };

function records(count: number, grid: Grid): Float32Array {
  const made = new Float32Array(RECORD.length * count);
  const { positions } = randomAtoms(count, { ...grid, origin: [0, 0, 0] }, { seed: count });
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < 3; axis++) {
      const at = positions[3 * i + 2 - axis] / grid.voxelSize[axis];
      made[RECORD.length * i + axis] = Math.round(at) % grid.shape[axis];
      made[RECORD.length * i + RECORD.offset + axis] = at - Math.round(at);
    }
    made[RECORD.length * i + RECORD.reach] = 1 + (i % 40);
  }
  return made;
}

/** Every voxel within reach of an image of an atom, by trying all: "atom image block". */
function pairsDirectly(atoms: Float32Array, grid: Grid, from: number, to: number): Set<string> {
  const [nz, ny, nx] = grid.shape;
  const [by, bx] = [Math.ceil(ny / BLOCK_EDGE), Math.ceil(nx / BLOCK_EDGE)];
  const found = new Set<string>();
  for (let a = 0; a < atoms.length / RECORD.length; a++) {
    const at = RECORD.length * a;
    for (const mz of [-2, -1, 0, 1, 2])
      for (const my of [-2, -1, 0, 1, 2])
        for (const mx of [-2, -1, 0, 1, 2])
          for (let z = from; z < to; z++)
            for (let y = 0; y < ny; y++) {
              const dz = (z - atoms[at] - atoms[at + 3] - mz * nz) * grid.voxelSize[0];
              const dy = (y - atoms[at + 1] - atoms[at + 4] - my * ny) * grid.voxelSize[1];
              const left = atoms[at + RECORD.reach] ** 2 - dz * dz - dy * dy;
              if (left < 0) continue;
              for (let x = 0; x < nx; x++) {
                const dx = (x - atoms[at + 2] - atoms[at + 5] - mx * nx) * grid.voxelSize[2];
                if (dx * dx > left) continue;
                const block = [
                  Math.floor((z - from) / BLOCK_EDGE),
                  Math.floor(y / BLOCK_EDGE),
                  Math.floor(x / BLOCK_EDGE),
                ];
                const image = mz + 512 + ((my + 512) << 10) + ((mx + 512) << 20);
                found.add(`${a} ${image} ${(block[0] * by + block[1]) * bx + block[2]}`);
              }
            }
  }
  return found;
}

describe('atoms of blocks', () => {
  it.each([
    [0, 20],
    [8, 16],
    [16, 20],
    [3, 14],
  ])('planes %i to %i: every atom that reaches a voxel of a block is in its list, once', (from, to) => {
    const atoms = records(30, GRID);
    const { blockCount, blocks, entries } = listAtomBlocks(atoms, GRID, from, to);
    const [by, bx] = [Math.ceil(33 / BLOCK_EDGE), Math.ceil(26 / BLOCK_EDGE)];
    const listed = new Set<string>();
    let total = 0;
    for (let b = 0; b < blockCount; b++) {
      const [z, y, x, first, count] = blocks.subarray(BLOCK_RECORD * b, BLOCK_RECORD * (b + 1));
      const block = ((z / BLOCK_EDGE) * by + y / BLOCK_EDGE) * bx + x / BLOCK_EDGE;
      const own = entries.subarray(2 * first, 2 * (first + count));
      for (let i = 0; i < count; i++) {
        listed.add(`${own[2 * i]} ${own[2 * i + 1]} ${block}`);
        if (i > 0) expect(own[2 * i]).toBeGreaterThanOrEqual(own[2 * i - 2]);
      }
      total += count;
    }
    expect(listed.size).toBe(total);
    expect(total).toBe(countAtomBlocks(atoms, GRID, from, to));
    const needed = pairsDirectly(atoms, GRID, from, to);
    expect(needed.size).toBeGreaterThan(300);
    for (const pair of needed) expect(listed.has(pair)).toBe(true);
    // Distances are to corners between voxels and beyond the box: some blocks more.
    expect(total).toBeLessThan(1.5 * needed.size);
  });

  it('are listed in runs of planes whose lists fit, or of one layer', () => {
    const atoms = records(30, GRID);
    for (const most of [1, 300, 2000, 1e6]) {
      const runs = planPlaneRuns(atoms, GRID, 0, 20, most);
      expect(runs[0].from).toBe(0);
      expect(runs.at(-1)?.to).toBe(20);
      runs.forEach(({ from, to }, i) => {
        if (i > 0) expect(from).toBe(runs[i - 1].to);
        expect(from % BLOCK_EDGE).toBe(0);
        if (to - from > BLOCK_EDGE) expect(countAtomBlocks(atoms, GRID, from, to)).toBeLessThanOrEqual(most);
      });
    }
    expect(planPlaneRuns(atoms, GRID, 0, 20, 1)).toHaveLength(3);
    expect(planPlaneRuns(atoms, GRID, 0, 20, 1e6)).toHaveLength(1);
  });
});

describeGpu('model-map on a GPU', (gpu) => {
  // Blocks that begin elsewhere leave out other tails: 1e-7 of a peak, before the blur is taken away.
  it('is the same in one slab and in several (5e-6)', async () => {
    const grid: Grid = { shape: [20, 18, 16], voxelSize: [1.2, 1.2, 1.2], origin: [0, 0, 0] };
    const atoms = randomAtoms(40, grid, { seed: 4, beyond: 0.2 });
    const fine = planSplat(atoms, grid).grid.shape;
    const maps: Float32Array[] = [];
    // Slabs of five planes of the finer grid, which are no whole blocks.
    for (const limits of [{}, { slabBytes: 4 * 5 * fine[1] * fine[2] }]) {
      const engine = await createGpuEngine(await gpu(limits));
      const volume = await engine.simulateMap(atoms, grid);
      maps.push(Float32Array.from(await engine.download(volume)));
      engine.release(volume);
    }
    expect(relativeL2(maps[1], maps[0])).toBeLessThan(5e-6);
  });
});
