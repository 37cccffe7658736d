/**
 * The low-pass that a single map needs, whose noise nothing else holds down: logistic, half at the
 * resolution.
 */
import { type RadialTransfer, tabulateTransfer } from '../fourier/radial-transfer.ts';

/** The gain falls from 0.73 to 0.27 within so much on either side, 1/A. */
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
