/** All readers of files that come from outside. */
import type { FuzzTarget } from '../types.ts';
import { faultyTargets } from './faulty.ts';
import { hdf5 } from './hdf5.ts';
import { mrc } from './mrc.ts';
import { manifest, onnx } from './onnx.ts';
import { pytorch } from './pytorch.ts';
import { mmcif, pdb } from './structures.ts';
import { tar } from './tar.ts';

/** In the order in which they are started: the slow ones first. */
export const targets: readonly FuzzTarget[] = [hdf5, tar, pytorch, mrc, mmcif, pdb, onnx, manifest];

export function findTarget(name: string): FuzzTarget {
  const found = [...targets, ...faultyTargets].find((target) => target.name === name);
  if (found === undefined) throw new Error(`There is no reader '${name}' to fuzz.`);
  return found;
}
