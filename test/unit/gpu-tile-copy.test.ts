/** Tiles are copied out of and into volumes of several slabs exactly, whatever the box, halo and mask. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type GpuDevice, STORAGE } from '../../src/gpu/device.ts';
import { createTileCopy, type TileCopy, type TileStart, tileRanges } from '../../src/gpu/tile-copy.ts';
import { createVolume, type GpuVolume, readVolume, writeVolume } from '../../src/gpu/volume.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { describeGpu } from '../support/gpu-device.ts';
import { blobMask, noiseVolume } from '../support/random-volume.ts';

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

  it.each(BOXES)('scatters %s, with and without a mask', async (_name, start, size) => {
    const data = noiseVolume(SHAPE, 2);
    const maskData = blobMask(SHAPE, 1.2);
    // A mask value of exactly 0.5, and one that is not a number, are outside.
    maskData[0] = 0.5;
    maskData[maskData.length - 1] = Number.NaN;
    const results = noiseVolume(size, 3);
    const buffer = gpu.createBuffer('tile', results.byteLength, STORAGE);
    gpu.device.queue.writeBuffer(buffer, 0, results as Float32Array<ArrayBuffer>);
    for (const mask of [undefined, upload(maskData)]) {
      const volume = upload(data);
      await run((pass) => tiles.scatter(pass, buffer, volume, start, size, mask));
      const expected = data.slice();
      indices(start, size).forEach((i, k) => {
        if (i >= 0 && (!mask || maskData[i] > 0.5)) expected[i] = results[k];
      });
      expect(await readVolume(gpu, volume, new Float32Array(data.length))).toEqual(expected);
    }
  });

  it('keeps apart the parameters of many tiles in one submission', async () => {
    const data = noiseVolume(SHAPE, 4);
    const volume = upload(data);
    const copy = upload(new Float32Array(data.length));
    const size: Shape = [3, 2, 2];
    const buffer = gpu.createBuffer('tile', 4 * voxelCount(size), STORAGE);
    // 4 x 7 x 9 tiles, each through the same buffer: over 500 slots, several of their buffers.
    await run((pass) => {
      for (let z = 0; z < SHAPE[0]; z += size[0])
        for (let y = 0; y < SHAPE[1]; y += size[1])
          for (let x = 0; x < SHAPE[2]; x += size[2]) {
            tiles.gather(pass, volume, [z, y, x], size, 0, buffer);
            tiles.scatter(pass, buffer, copy, [z, y, x], size);
          }
    });
    expect(await readVolume(gpu, copy, new Float32Array(data.length))).toEqual(data);
  });

  it('refuses a mask of another shape', async () => {
    const volume = upload(noiseVolume(SHAPE, 5));
    const mask = createVolume(gpu, 'mask', [11, 13, 16]);
    const buffer = gpu.createBuffer('tile', 4, STORAGE);
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    expect(() => tiles.scatter(pass, buffer, volume, [0, 0, 0], [1, 1, 1], mask)).toThrow(/another shape/);
    pass.end();
    encoder.finish();
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
        const served = tileRanges(slabs, start, planes, true).flatMap((range) =>
          Array.from({ length: range.planes }, (_, i) => range.firstPlane + i),
        );
        expect(served).toEqual(Array.from({ length: planes }, (_, i) => i));
      }
    }
  });

  it('serves only planes of the volume when nothing outside is wanted', () => {
    expect(tileRanges(slabs, -2, 4, false)).toEqual([{ slab: 0, firstPlane: 2, planes: 2 }]);
    expect(tileRanges(slabs, -9, 4, false)).toEqual([]);
    expect(tileRanges(slabs, 7, 9, false)).toEqual([
      { slab: 1, firstPlane: 0, planes: 1 },
      { slab: 2, firstPlane: 1, planes: 3 },
    ]);
  });
});
