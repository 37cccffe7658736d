/** The files of the command postprocess (output-tables.ts has those of the others). */
import { encodePostprocessStar } from '../formats/fsc-star.ts';
import type { PostprocessResult } from '../index.ts';
import { isotropicVoxelSize } from '../math/grid.ts';
import { maskVolume, sceneOfScaling } from '../report/scenes.ts';
import { absolute, whenHalfMaps, whenMaskIsMade } from './output-conditions.ts';
import type { OutputTable } from './outputs.ts';

/**
 * Outputs of `postprocess`: the unmasked sharpened map is the main one, as maps are masked easily afterwards.
 */
export const postprocessOutputs: OutputTable<PostprocessResult> = [
  {
    key: 'sharpened',
    name: '',
    volume: ({ sharpened }) => sharpened,
    label: ({ numbers }) => `B factor ${numbers.bFactor.toFixed(1)} A^2`,
    shown: { as: 'result', label: 'sharpened map' },
    node: 'map',
    description: 'map sharpened by one B factor',
  },
  {
    key: 'masked',
    name: '_masked.mrc',
    volume: ({ masked }) => masked,
    label: ({ numbers }) => `B factor ${numbers.bFactor.toFixed(1)} A^2, masked`,
    node: 'map',
    description: 'the same times the mask',
  },
  {
    key: 'mask',
    name: '_mask.mrc',
    when: whenMaskIsMade,
    volume: ({ mask }) => mask,
    label: 'mask with a soft edge',
    node: 'mask',
    description: 'mask of the program, with a soft edge of 6 Å',
  },
  {
    key: 'star',
    name: '.star',
    when: whenHalfMaps,
    content: ({ result: { fscInMask, numbers }, request: { input, values } }) => {
      if (fscInMask === undefined || input.kind !== 'half-maps') return undefined;
      const { half1, half2 } = input;
      // RELION's STAR file has the Guinier plot in the same shells as the FSC.
      const guinier = { ...numbers.amplitudes, bFactor: numbers.bFactor };
      return encodePostprocessStar({ half1, half2, mask: values.mask ?? '', fsc: fscInMask, guinier });
    },
    description:
      "FSC within the mask and Guinier plot, as RELION's postprocess.star; absent for dependent half maps",
  },
  {
    key: 'scene',
    name: '.cxc',
    // The masked map is shown: the level of the scene follows from the volume of the mask.
    content: ({ result: { grid, numbers }, paths, request: { input } }) =>
      sceneOfScaling(
        { scaled: absolute(paths.masked), input: input.kind === 'map' ? absolute(input.map) : undefined },
        maskVolume({ maskVoxels: numbers.maskVoxels, voxelSize: isotropicVoxelSize(grid) }),
      ),
    description: 'opens the masked map in ChimeraX at a sensible level',
  },
];
