/** Logistic low-pass, 1/2 at the resolution, for a single map, whose noise is not suppressed otherwise. */
import { type RadialTransfer, tabulateTransfer } from '../fourier/radial-transfer.ts';

/** Half width, 1/A, over which the gain decreases from 0.73 to 0.27. */
const WIDTH = 0.01;
type Triple = readonly [z: number, y: number, x: number];

export function fadeTransfer(resolution: number, voxelSize: Triple): RadialTransfer {
  const finest = Math.min(...voxelSize);
  const transfer = tabulateTransfer(
    (cycles) => 1 / (1 + Math.exp((cycles / finest - 1 / resolution) / WIDTH)),
  );
  const [z, y, x] = voxelSize.map((v) => finest / v);
  return { ...transfer, axisScale: [z, y, x] };
}
