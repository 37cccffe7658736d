/** Applies the user's cube size and step. */
import { LocScaleError, named } from '../../errors.ts';
import type { NetworkFiles } from './network-graph.ts';

/** EMmerNet accepts its own cube size only, other networks multiples of 8; in voxels. */
export function withCubes(model: NetworkFiles, cubeSize?: number, stride?: number): NetworkFiles {
  const { manifest } = model;
  const edge = cubeSize ?? manifest.cubeEdge;
  const fixed = manifest.architecture === 'emmernet';
  if (edge !== manifest.cubeEdge && (fixed || edge % 8 !== 0))
    throw new LocScaleError('usage', `The network "${manifest.title}" cannot take cubes of ${edge} voxels.`, {
      parameter: 'cubeSize',
      expected: fixed ? String(manifest.cubeEdge) : 'a multiple of 8',
      found: String(edge),
      hint: `Leave ${named('cubeSize')} out.`,
    });
  const step = stride ?? Math.max(1, Math.round((manifest.stride * edge) / manifest.cubeEdge));
  if (step > edge)
    throw new LocScaleError('usage', `Cubes of ${edge} voxels every ${step} voxels leave gaps.`, {
      parameter: 'stride',
      expected: `at most ${edge}`,
      found: String(step),
      hint: `Choose a smaller step with ${named('stride')}.`,
    });
  const gflopPerCube = manifest.gflopPerCube * (edge / manifest.cubeEdge) ** 3;
  return { ...model, manifest: { ...manifest, cubeEdge: edge, stride: step, gflopPerCube } };
}
