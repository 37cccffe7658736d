/**
 * Q-scores beside those of MapQ 1.9.8 (sigma 0.6) for chain A of 7CEC in EMD-30342, as its author publishes
 * them: mean Q-scores of the residues 1 to 40.
 */
import { expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import { readMapFile, readModelFile } from '../../src/files/index.ts';
import { runAssess } from '../../src/pipeline/assess.ts';
import { describeEngines } from '../support/engines.ts';
import { describeWithSharedData, sharedPath } from '../support/shared-data.ts';

const MEAN = 0.4539;
const first = [
  0.3264, 0.549, 0.4432, 0.4854, 0.5806, 0.5229, 0.5851, 0.5508, 0.4531, 0.5982, 0.5848, 0.6333, 0.5841,
  0.5864, 0.5464, 0.4237, 0.5581, 0.5129, 0.5935, 0.5463, 0.5007, 0.4391, 0.4656, 0.5244, 0.5799, 0.542,
  0.4833, 0.517, 0.5983, 0.239, 0.3838, 0.3222, 0.5691, 0.4054, 0.4224, 0.4086, 0.35, 0.5612, 0.5654, 0.4162,
];

/** Deposited maps with their models: path, model, resolution (A), and the correlation within the mask, at least. */
const deposited = [
  ['emd_3240_5fn5/5fn5_box.ccp4', 'emd_3240_5fn5/5fn5_box_complete.pdb', 4.3, 0.6],
  ['emd_0093_hcn4/emd_0093_masked4A.mrc.gz', 'emd_0093_hcn4/6gyn.pdb', 3.4, 0.75],
  ['emd_5778_unfiltered_box/unfiltered_box.mrc', 'emd_5778_unfiltered_box/pdb3j5p_refined.pdb', 3.4, 0.75],
  ['emd_30342_7cec/390_emd_30342_A_z4.mrc', 'emd_30342_7cec/390_7cec_A.cif', 3.9, 0.75],
] as const;

describeWithSharedData('deposited maps', () => {
  it.each(deposited)('%s: the mean Q-score is near the published line (0.06)', async (path, model, d, cc) => {
    const on = await createCpuEngine({ threads: 1 });
    try {
      const map = await readMapFile(sharedPath('maps', path));
      const structure = await readModelFile(sharedPath('maps', model));
      const { assessment } = await runAssess(
        { input: { kind: 'map', map }, structure, settings: { resolution: d } },
        { engine: on },
      );
      const [found] = assessment.maps;
      const expected = assessment.expectedQ.protein as number;
      expect(Math.abs((found.qByKind.protein as number) - expected)).toBeLessThan(0.06);
      expect(found.cc as number).toBeGreaterThan(cc);
      // Map and model agree about as far as the map goes.
      expect(found.fscAtHalf.kind === 'falls' && Math.abs(found.fscAtHalf.resolution - d)).toBeLessThan(0.3);
    } finally {
      await on.dispose();
    }
  });
});

describeWithSharedData('Q-scores of a deposited map', () => {
  describeEngines('7CEC in EMD-30342', (engine) => {
    it('are those of MapQ (0.02 on average, 0.065 at most)', async () => {
      const on = await engine();
      const folder = ['maps', 'emd_30342_7cec'];
      const map = await readMapFile(sharedPath(...folder, '390_emd_30342_A_z4.mrc'));
      const structure = await readModelFile(sharedPath(...folder, '390_7cec_A.cif'));
      const { assessment, mask } = await runAssess(
        { input: { kind: 'map', map }, structure, settings: { resolution: 3.9 } },
        { engine: on },
      );
      on.release(mask);
      const residues = assessment.residues.filter(({ kind }) => kind === 'protein');
      const q = residues.map((residue) => residue.q[0] as number);
      expect(residues[0]).toMatchObject({ chain: 'A', number: 1, name: 'PHE', labelChain: 'A' });
      const differences = first.map((value, i) => Math.abs(q[i] - value));
      expect(Math.max(...differences)).toBeLessThan(0.065);
      expect(differences.reduce((sum, v) => sum + v, 0) / first.length).toBeLessThan(0.02);
      expect(Math.abs(q.reduce((sum, v) => sum + v, 0) / q.length - MEAN)).toBeLessThan(0.01);
      // The model was built into this map.
      expect(assessment.maps[0].cc as number).toBeGreaterThan(0.75);
    });
  });
});
