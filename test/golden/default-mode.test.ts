/** The default mode with the bundled network on a real map: the same result whatever runs the network. */
import { readFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { readMrc } from '../../src/formats/mrc.ts';
import { openPredictor } from '../../src/network/run/open-predictor.ts';
import { openBundled } from '../../src/network/store/index.ts';
import { defaultParameters, runLocScale } from '../../src/pipeline/index.ts';
import type { MapImage } from '../../src/pipeline/types.ts';
import { makeMapImage } from '../../src/synthetic/map-image.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeMissing, findTestAdapter } from '../support/gpu-device.ts';
import { describeWithSharedData, sharedPath } from '../support/shared-data.ts';

/** Small cubes in a small part of the map: a software GPU needs seconds for each. */
const CUBE_EDGE = 16;
const RADIUS_VOXELS = 2;

let engine: Engine | undefined;
afterAll(() => engine?.dispose());

async function openMap(): Promise<MapImage> {
  const path = sharedPath('maps/emd_32143_gpcr_gs/emd_32143_resampled100.map');
  const bytes = readFileSync(path);
  return readMrc(
    { bytes: new Blob([bytes]).stream(), byteLength: bytes.length },
    { name: path, allocate: (voxels) => new Float32Array(voxels) },
  );
}

/** A ball about the voxel of the highest density. */
function ballAbout(map: MapImage): MapImage {
  const [nz, ny, nx] = map.grid.shape;
  const peak = map.data.reduce((best, value, i) => (value > map.data[best] ? i : best), 0);
  const centre = [Math.floor(peak / (ny * nx)), Math.floor(peak / nx) % ny, peak % nx];
  const mask = new Float32Array(nz * ny * nx);
  for (let i = 0; i < mask.length; i++) {
    const at = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    if (Math.hypot(...at.map((p, axis) => p - centre[axis])) <= RADIUS_VOXELS) mask[i] = 1;
  }
  return makeMapImage('ball', map.grid, mask);
}

async function scaleWith(provider: 'cpu' | 'webgpu'): Promise<Float32Array> {
  engine ??= await createCpuEngine({ threads: 2 });
  const bundled = await openBundled();
  const manifest = { ...bundled.manifest, cubeEdge: CUBE_EDGE, stride: CUBE_EDGE };
  const predictor = await openPredictor(
    { ...bundled, manifest },
    { provider, monteCarlo: false, webgpu: async () => ({ usable: true }) },
  );
  try {
    const map = await openMap();
    const result = await runLocScale(
      {
        input: { kind: 'map', map },
        mask: ballAbout(map),
        reference: { kind: 'network', predictor },
        parameters: { ...defaultParameters },
      },
      { engine },
    );
    const scaled = (await engine.download(result.scaled)).slice();
    engine.release(result.scaled, result.mask);
    return scaled;
  } finally {
    await predictor.dispose();
  }
}

const adapter = await findTestAdapter();

function body(): void {
  it('emd_32143, network on the CPU and on WebGPU: the same map', async () => {
    const onCpu = await scaleWith('cpu');
    const onGpu = await scaleWith('webgpu');
    expect(onCpu.some((value) => value !== 0)).toBe(true);
    // Two million float32 parameters in another order of summation.
    expect(relativeL2(onGpu, onCpu)).toBeLessThan(1e-4);
  });
}

if ('reason' in adapter) describeMissing('the default mode', adapter.reason, body);
else describeWithSharedData('the default mode', body);
