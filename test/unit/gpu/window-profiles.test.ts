/** The plan of the profiles' last pass: every frequency's amplitude reaches the shell that it belongs to. */
import { describe, expect, it } from 'vitest';
import { RUN } from '../../../src/gpu/tile-units.ts';
import { planWindowProfiles, shellRounds } from '../../../src/gpu/window-profiles.ts';
import { type RadialProfileKind, shellWeights } from '../../../src/math/scaling/windows.ts';

const LIMITS = {
  bindingBytes: 2 ** 30,
  bufferBytes: 2 ** 30,
  slabBytes: 2 ** 30,
  workgroupBytes: 32 * 1024,
  lineBytes: 32 * 1024,
  workgroupInvocations: 256,
  workgroupsPerDimension: 65535,
  totalBytes: Number.POSITIVE_INFINITY,
};

function planOf(windowVoxels: number, kind: RadialProfileKind) {
  const edge = RUN + windowVoxels - 1;
  const planned = planWindowProfiles(windowVoxels, kind, [RUN, 16, 16], [edge, edge, edge], LIMITS);
  if (!planned.ok) throw new Error(planned.reason);
  return planned.plan;
}

const cases = ([8, 10, 24, 34] as const).flatMap((w) =>
  (['octant', 'sphere'] as const).map((kind) => [w, kind] as const),
);

describe('rounds of slide_z', () => {
  it.each(cases)('window %i, %s: the threads of slide_z count every frequency in its shell', (w, kind) => {
    const { pairs, shellCount } = planOf(w, kind);
    const { pairs: table, rounds } = shellRounds(pairs, shellCount);
    const counts = new Float64Array(shellCount);
    for (let a = 0; a < shellCount; a++) {
      // As a thread of the shader does, with 1 for every amplitude.
      let shell = shellCount;
      let sum = 0;
      for (let p = 0; p <= pairs.length; p++) {
        if (rounds[p * shellCount + a] > 0) {
          counts[shell] += sum;
          sum = 0;
        }
        shell = Math.min(shellCount, Math.floor(Math.sqrt(a * a + (table[p] & 0xffff))));
        const signs = kind === 'sphere' && a > 0 && a + 1 < shellCount ? 2 : 1;
        if (shell < shellCount) sum += signs * ((table[p] >> 16) & 255);
      }
      expect(sum).toBe(0);
    }
    const { counts: expected } = shellWeights(w, kind);
    expect([...counts]).toEqual([...expected]);
  });

  it.each(cases)('window %i, %s: no two threads add to one shell in one round', (w, kind) => {
    const { pairs, shellCount } = planOf(w, kind);
    const { pairs: table, rounds } = shellRounds(pairs, shellCount);
    const shells = new Array<number>(shellCount).fill(shellCount);
    for (let p = 0; p <= pairs.length; p++) {
      const taken = new Set<string>();
      for (let a = 0; a < shellCount; a++) {
        const round = rounds[p * shellCount + a];
        if (round > 0) {
          expect(round).toBeLessThanOrEqual(table[p] >> 24);
          const place = `${round} ${shells[a]}`;
          expect(taken.has(place)).toBe(false);
          taken.add(place);
        }
        shells[a] = Math.min(shellCount, Math.floor(Math.sqrt(a * a + (table[p] & 0xffff))));
      }
    }
  });

  it('workgroups fit the device: fewer lanes for wide windows', () => {
    const plan = planOf(34, 'octant');
    expect(2 * plan.lanes * plan.shellCount).toBeLessThanOrEqual(LIMITS.workgroupInvocations);
    expect(plan.lanes).toBeGreaterThanOrEqual(4);
  });
});
