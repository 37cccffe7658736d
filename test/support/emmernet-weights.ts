/**
 * Random weights of EMmerNet: those of golden/emmernet, drawn by the generator that belongs to the
 * reference data, and weights of small nets of the same shape.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRandom } from '../../src/math/statistics/random.ts';
import { type EmmernetPlan, emmernetTensors } from '../../src/network/graph/emmernet-layers.ts';
import type { WeightSet } from '../../src/network/graph/model.ts';
import { findPython } from './emmernet-files.ts';
import { sharedDataPresent, sharedDataReason, sharedPath } from './shared-data.ts';

const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

/** Its main part needs h5py and PyTorch; drawing the tensors needs numpy only. */
const DUMP = `
import sys, json, os
sys.path.insert(0, os.path.dirname(sys.argv[1]))
from make_weights import tensors
t = tensors()
with open(sys.argv[2] + '/weights.bin', 'wb') as f:
    for v in t.values(): f.write(v.astype('<f4').tobytes())
json.dump([[k, list(v.shape)] for k, v in t.items()], open(sys.argv[2] + '/index.json', 'w'))
`;

/** The weights of golden/emmernet (22.9 million, 91 MB), or the reason why they cannot be had. */
export function goldenEmmernetWeights(): WeightSet | { readonly reason: string } {
  if (!sharedDataPresent) return { reason: sharedDataReason };
  const maker = sharedPath('golden', 'emmernet', 'make_weights.py');
  const version = createHash('sha256').update(DUMP).update(readFileSync(maker)).digest('hex').slice(0, 12);
  const folder = join(cache, `locscale-emmernet-tensors-${version}`);
  if (!existsSync(folder)) {
    const python = findPython('numpy');
    if (python === undefined) return { reason: 'no python3 with numpy (Debian: python3-numpy)' };
    dump(python, maker, folder);
  }
  const bytes = readFileSync(join(folder, 'weights.bin'));
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as [string, number[]][];
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let at = 0;
  return new Map(
    index.map(([name, shape]) => {
      const start = at;
      at += shape.reduce((product, length) => product * length, 1);
      return [name, { shape, data: values.subarray(start, at) }];
    }),
  );
}

/** Into a folder of another name first: test processes start side by side. */
function dump(python: string, maker: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = mkdtempSync(`${folder}-`);
  const { status, stderr } = spawnSync(python, ['-B', '-c', DUMP, maker, temporary], { encoding: 'utf8' });
  if (status !== 0) {
    rmSync(temporary, { recursive: true });
    throw new Error(`${maker} failed: ${stderr}`);
  }
  try {
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
}

/**
 * Weights of any size of EMmerNet, by the same rules as golden/emmernet: kernels keep the size of what they
 * are applied to, slopes are spread about 0.1, normalisation about scale 1 and shift 0.
 */
export function randomEmmernetWeights(plan: EmmernetPlan, seed: number): WeightSet {
  const random = createRandom(seed);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of emmernetTensors(plan)) {
    const [centre, spread] = distribution(name, shape);
    const count = shape.reduce((product, length) => product * length, 1);
    const data = Float32Array.from({ length: count }, () => centre + spread * random.gaussian());
    weights.set(name, { shape, data });
  }
  return weights;
}

function distribution(name: string, shape: readonly number[]): readonly [number, number] {
  if (name.endsWith('.prelu.weight')) return [0.1, 0.1];
  if (name.endsWith('.gn.weight')) return [1, 0.1];
  if (name.endsWith('.gn.bias')) return [0, 0.1];
  if (name.endsWith('.bias')) return [0, 0.05];
  // Of the 125 kernel values of a transposed convolution an eighth meet one output voxel.
  const [first, second] = shape;
  return [0, Math.sqrt(2 / (name.startsWith('up') ? (first * 125) / 8 : second * 125))];
}
