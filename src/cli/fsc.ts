/** `locscale-gpu fsc HALF1 HALF2`: the FSC curve, optionally within a mask, as a table and as a file. */
import type { FscCurve, LocScaleJob } from '../index.ts';
import { type FscOptions, type FscResult, runFsc } from '../index.ts';
import { type FscFall, findFall } from '../math/fourier/fsc.ts';
import { checkCurveName, maskedFscLines, maskedFscTable, shellCells } from './fsc-files.ts';
import { chooseHalfMaps, ineffectiveOptions, parametersOf } from './job-options.ts';
import { fscOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';
import { exclude } from './usage.ts';
import type { RunResult } from './write-run.ts';

interface Job {
  readonly input: Extract<LocScaleJob['input'], { kind: 'half-maps' }>;
  readonly options: FscOptions;
}

export function runFscCommand(session: Session): Promise<void> {
  return runMapCommand(session, fscRun(session));
}

/** Half maps may also be given without -hm. */
function fscRun({ parsed }: Session): MapRun<Job, FscResult & RunResult> {
  const input = chooseHalfMaps(parsed, 'fsc');
  const { values } = parsed;
  const { outfile, autoMask, seed } = values;
  if (values.mask !== undefined && autoMask === true) throw exclude('-ma', '--auto_mask');
  const hasMask = values.mask !== undefined || autoMask === true;
  if (outfile !== undefined) checkCurveName(outfile, hasMask);
  const parameters = parametersOf(values, true);
  return {
    outputs: fscOutputs,
    outfile: outfile ?? 'curve.json',
    // No record, which would have the name of the curve.
    record: false,
    input,
    notes: ineffectiveOptions(values, { kind: 'none' }, { command: 'fsc' }),
    open: async (opened) => ({
      input: opened.input as Job['input'],
      options: { mask: opened.mask ?? (autoMask === true ? 'FDR' : undefined), parameters, seed },
    }),
    plan: 'FSC',
    run: async ({ input: { half1, half2 }, options }, context) => ({
      ...(await runFsc(half1, half2, context, options)),
      header: half1.header,
      timings: {},
    }),
    summarise: ({ fsc, masked }) => ({
      lines:
        masked === undefined
          ? fscLines(fsc)
          : [...maskedFscTable(masked), ...resolutionLines(fsc), ...maskedFscLines(masked)],
    }),
  };
}

/** A table with one line per shell; resolutions follow. */
export function fscLines(fsc: FscCurve): string[] {
  return [
    ` 1/A       A        FSC`,
    ...fsc.frequency.map((f, i) => `${shellCells(f)}  ${fsc.correlation[i].toFixed(5).padStart(8)}`),
    ...resolutionLines(fsc),
  ];
}

/** Resolutions at 0.5 and 0.143, or the reason why there is none. */
function resolutionLines(fsc: FscCurve): string[] {
  return [
    `Resolution at FSC = 0.5: ${fallWords(halfFallOf(fsc), fsc)}`,
    `Resolution at FSC = 0.143: ${resolutionWords(fsc)}`,
  ];
}

/** The fall below 0.5 in the form of the verdict, to print both alike. */
function halfFallOf({ frequency, correlation, resolutionHalf, verdict }: FscCurve): FscFall {
  if (verdict.end === 'no signal') return { kind: 'never above' };
  if (resolutionHalf !== undefined) return { kind: 'falls', resolution: resolutionHalf };
  return findFall(frequency, correlation, 0.5);
}

/** At 0.143 the verdict decides, because noise may exceed it by chance. */
export function resolutionWords(fsc: FscCurve): string {
  const { end, resolution } = fsc.verdict;
  if (end === 'falls' && resolution !== undefined) return fallWords({ kind: 'falls', resolution }, fsc);
  return fallWords({ kind: end === 'nyquist' ? 'stays above' : 'never above' }, fsc);
}

/** "3.42 A", "none, …" or Nyquist, with the reason. */
function fallWords(fall: FscFall, { frequency, verdict }: FscCurve): string {
  if (fall.kind === 'falls') return `${fall.resolution.toFixed(2)} A`;
  if (fall.kind === 'never above') return 'none, the half maps have no such signal in common';
  const nyquist = `${(1 / (frequency.at(-1) as number)).toFixed(2)} A (Nyquist)`;
  return verdict.relation === 'independent' ? `${nyquist}, limited by the voxel size` : nyquist;
}
