/** Tiles are copied out of and into volumes of several slabs exactly, whatever the box, halo and mask. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type GpuDevice, STORAGE } from '../../../src/gpu/device.ts';
import { createTileCopy, type TileCopy, type TileStart, tileRanges } from '../../../src/gpu/tile-copy.ts';
import { createVolume, type GpuVolume, writeVolume } from '../../../src/gpu/volume.ts';
import { type Shape, voxelCount } from '../../../src/math/grid.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { noiseVolume } from '../../support/random-volume.ts';

/** Odd, prime edges; slabs of 4 planes with the binding limit below. */
const SHAPE: Shape = [11, 13, 17];
const BINDING_BYTES = 4 * 4 * 13 * 17;

const BOXES: readonly (readonly [name: string, start: TileStart, size: Shape])[] = [
  ['inside one slab', [1, 2, 3], [2, 5, 7]],
  ['across slabs', [2, 0, 4], [7, 13, 9]],
  ['a halo on all faces', [-3, -2, -5], [17, 18, 27]],
  ['before the volume', [-9, 0, 0], [4, 5, 6]],
  ['behind the volume', [12, 14, 18], [3, 2, 2]],
  ['one voxel', [10, 12, 16], [1, 1, 1]],
];

let gpu: GpuDevice;
let tiles: TileCopy;

function upload(data: Float32Array): GpuVolume {
  const volume = createVolume(gpu, 'test', SHAPE);
  writeVolume(gpu, volume, data);
  return volume;
}

/** Index in the volume of each tile voxel, -1 outside. */
function indices(start: TileStart, size: Shape): number[] {
  const [nz, ny, nx] = SHAPE;
  return Array.from({ length: voxelCount(size) }, (_, i) => {
    const x = start[2] + (i % size[2]);
    const y = start[1] + (Math.floor(i / size[2]) % size[1]);
    const z = start[0] + Math.floor(i / (size[1] * size[2]));
    const inside = z >= 0 && z < nz && y >= 0 && y < ny && x >= 0 && x < nx;
    return inside ? (z * ny + y) * nx + x : -1;
  });
}

async function run(record: (pass: GPUComputePassEncoder) => void): Promise<void> {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  record(pass);
  pass.end();
  await gpu.finish(encoder);
  tiles.submitted();
}

describeGpu('tile copies', (open) => {
  beforeAll(async () => {
    gpu = await open({ bindingBytes: BINDING_BYTES });
    tiles = await createTileCopy(gpu);
  });

  it.each(BOXES)('gathers %s', async (_name, start, size) => {
    const data = noiseVolume(SHAPE, 1);
    const volume = upload(data);
    expect(volume.slabs.length).toBe(3);
    // Tiles may lie in a part of a larger buffer: nothing else of it may change.
    const bytes = 4 * voxelCount(size);
    const buffer = gpu.createBuffer('tiles', 256 + Math.ceil(bytes / 256) * 256 + 256, STORAGE);
    await run((pass) => tiles.gather(pass, volume, start, size, -2.5, { buffer, offset: 256, size: bytes }));
    const found = new Float32Array(await gpu.read(buffer, 0, 256 + bytes + 256));
    expect(found.subarray(0, 64).every((v) => v === 0)).toBe(true);
    expect(found.subarray(64 + bytes / 4).every((v) => v === 0)).toBe(true);
    expect([...found.subarray(64, 64 + bytes / 4)]).toEqual(
      indices(start, size).map((i) => (i < 0 ? -2.5 : data[i])),
    );
  });

  it('keeps apart the parameters of many tiles in one submission', async () => {
    const data = noiseVolume(SHAPE, 4);
    const volume = upload(data);
    const size: Shape = [3, 2, 2];
    const starts: TileStart[] = [];
    for (let z = 0; z < SHAPE[0]; z += size[0])
      for (let y = 0; y < SHAPE[1]; y += size[1])
        for (let x = 0; x < SHAPE[2]; x += size[2]) starts.push([z, y, x]);
    // Over 250 parameter slots, several of their buffers; a tile lies at every 256 bytes.
    expect(starts.length).toBeGreaterThan(250);
    const bytes = 4 * voxelCount(size);
    const buffer = gpu.createBuffer('tiles', 256 * starts.length, STORAGE);
    await run((pass) =>
      starts.forEach((start, k) => {
        tiles.gather(pass, volume, start, size, 0, { buffer, offset: 256 * k, size: bytes });
      }),
    );
    const found = new Float32Array(await gpu.read(buffer, 0, 256 * starts.length));
    starts.forEach((start, k) => {
      expect([...found.subarray(64 * k, 64 * k + bytes / 4)]).toEqual(
        indices(start, size).map((i) => (i < 0 ? 0 : data[i])),
      );
    });
  });
});

describe('planes of a tile and slabs', () => {
  const slabs = [
    { firstPlane: 0, planes: 4 },
    { firstPlane: 4, planes: 4 },
    { firstPlane: 8, planes: 3 },
  ];

  it('serves every plane once, those outside by the nearest slab', () => {
    for (let start = -6; start < 14; start++) {
      for (const planes of [1, 3, 9, 30]) {
        const served = tileRanges(slabs, start, planes).flatMap((range) =>
          Array.from({ length: range.planes }, (_, i) => range.firstPlane + i),
        );
        expect(served).toEqual(Array.from({ length: planes }, (_, i) => i));
      }
    }
  });
});
