/** `locscale-gpu fsc HALF1 HALF2`: the curve as a table, as JSON, or as the XML the EMDB takes. */

import type { FscCurve, LocScaleJob } from '../index.ts';
import { type FscResult, runFsc } from '../index.ts';
import { type FscFall, findFall } from '../math/fourier/fsc.ts';
import { checkCurveName } from './fsc-files.ts';
import { chooseHalfMaps } from './job-options.ts';
import { fscOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';
import type { RunResult } from './write-run.ts';

type HalfMaps = Extract<LocScaleJob['input'], { kind: 'half-maps' }>;

export function runFscCommand(session: Session): Promise<void> {
  return runMapCommand(session, fscRun(session));
}

function fscRun({ parsed }: Session): MapRun<HalfMaps, FscResult & RunResult> {
  const input = chooseHalfMaps(parsed, 'fsc');
  const { outfile } = parsed.values;
  if (outfile !== undefined) checkCurveName(outfile);
  return {
    outputs: fscOutputs,
    outfile: outfile ?? 'curve.json',
    // A record would have the name of the curve.
    record: false,
    input,
    open: async (opened) => opened.input as HalfMaps,
    plan: 'FSC',
    run: async ({ half1, half2 }, context) => ({
      ...(await runFsc(half1, half2, context)),
      header: half1.header,
      timings: {},
    }),
    tell: ({ fsc }) => ({ lines: fscLines(fsc) }),
  };
}

export function fscLines(fsc: FscCurve): string[] {
  return [
    ` 1/A       A        FSC`,
    ...fsc.frequency.map(
      (f, i) =>
        `${f.toFixed(5)}  ${(f === 0 ? 'inf' : (1 / f).toFixed(2)).padStart(7)}  ${fsc.correlation[i].toFixed(5).padStart(8)}`,
    ),
    `Resolution at FSC = 0.5: ${fallWords(halfFallOf(fsc), fsc)}`,
    `Resolution at FSC = 0.143: ${resolutionWords(fsc)}`,
  ];
}

function halfFallOf({ frequency, correlation, resolutionHalf, verdict }: FscCurve): FscFall {
  if (verdict.end === 'no signal') return { kind: 'never above' };
  if (resolutionHalf !== undefined) return { kind: 'falls', resolution: resolutionHalf };
  return findFall(frequency, correlation, 0.5);
}

/** At 0.143 the verdict counts: chance lifts the curve of noise above it, too. */
export function resolutionWords(fsc: FscCurve): string {
  const { end, resolution } = fsc.verdict;
  if (end === 'falls' && resolution !== undefined) return fallWords({ kind: 'falls', resolution }, fsc);
  return fallWords({ kind: end === 'nyquist' ? 'stays above' : 'never above' }, fsc);
}

function fallWords(fall: FscFall, { frequency, verdict }: FscCurve): string {
  if (fall.kind === 'falls') return `${fall.resolution.toFixed(2)} A`;
  if (fall.kind === 'never above') return 'none, the half maps have no such signal in common';
  const nyquist = `${(1 / (frequency.at(-1) as number)).toFixed(2)} A (Nyquist)`;
  return verdict.relation === 'independent' ? `${nyquist}, limited by the voxel size` : nyquist;
}
