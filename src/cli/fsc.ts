/** `locscale-gpu fsc HALF1 HALF2`: the curve as a table, as JSON, or as the XML the EMDB takes. */
import { extname } from 'node:path';
import { LocScaleError } from '../errors.ts';
import { type FscFall, findFall } from '../math/fourier/fsc.ts';
import { runFsc } from '../pipeline/index.ts';
import type { FscCurve } from '../pipeline/types.ts';
import { refusePositionals } from './job-options.ts';
import { openMap, sizeOfInput } from './open-map.ts';
import { contextFor, readingEvents, type Session, withEngine } from './session.ts';
import { checkOutputs, StagedOutputs } from './write-file.ts';

export async function runFscCommand(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  const [half1, half2] = chooseHalfMaps(session);
  refusePositionals(positionals, values.halfmapPaths === undefined ? 2 : 0);
  const { outfile } = values;
  const encode = outfile === undefined ? undefined : encoderFor(outfile);
  for (const path of [half1, half2]) await sizeOfInput(path);
  if (outfile !== undefined) await checkOutputs([outfile], [half1, half2]);

  await withEngine(session, async (engine) => {
    const open = async (path: string, role: string) =>
      (
        await openMap(path, {
          role,
          allocate: (voxels) => engine.allocateHost(voxels),
          ...readingEvents(session),
        })
      ).image;
    const { fsc } = await runFsc(
      await open(half1, 'half map 1'),
      await open(half2, 'half map 2'),
      contextFor(session, engine),
    );
    for (const line of fscLines(fsc)) session.logger.line(line);
    if (outfile === undefined || encode === undefined) return;
    const staged = new StagedOutputs();
    await staged.stage(outfile, encode(fsc, [half1, half2]));
    for (const path of await staged.commit()) session.logger.line(`Wrote ${path}`);
  });
}

function chooseHalfMaps(session: Session): readonly [string, string] {
  const { values, positionals } = session.parsed;
  if (values.halfmapPaths !== undefined) return values.halfmapPaths;
  if (positionals.length < 2) {
    throw new LocScaleError('usage', 'The command fsc needs two half maps.', {
      where: 'fsc',
      hint: 'Write locscale-gpu fsc HALF1 HALF2.',
    });
  }
  return [positionals[0], positionals[1]];
}

type Encoder = (fsc: FscCurve, files: readonly [string, string]) => string;

function encoderFor(outfile: string): Encoder {
  const extension = extname(outfile).toLowerCase();
  if (extension === '.json') return encodeFscJson;
  if (extension === '.xml') return encodeFscXml;
  throw new LocScaleError('usage', `The curve cannot be written as "${extension}".`, {
    where: '-o',
    hint: 'Give a name that ends in .json or .xml.',
  });
}

export function encodeFscJson(fsc: FscCurve, files: readonly [string, string]): string {
  return `${JSON.stringify(
    {
      half1: files[0],
      half2: files[1],
      resolution0143: fsc.resolution ?? null,
      end0143: fsc.verdict.end,
      resolution05: fsc.resolutionHalf ?? null,
      frequency: fsc.frequency,
      correlation: fsc.correlation,
      verdict: fsc.verdict,
    },
    null,
    2,
  )}\n`;
}

/** The FSC schema of the EMDB, as RELION writes it. */
export function encodeFscXml(fsc: FscCurve): string {
  const points = fsc.frequency.map(
    (x, i) =>
      `  <coordinate>\n    <x>${x.toFixed(6)}</x>\n    <y>${fsc.correlation[i].toFixed(6)}</y>\n  </coordinate>\n`,
  );
  return `<fsc title="Unmasked half maps" xaxis="Resolution (A-1)" yaxis="Correlation Coefficient">\n${points.join('')}</fsc>\n`;
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
