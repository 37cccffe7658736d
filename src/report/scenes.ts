/**
 * ChimeraX files of the maps of a run: surfaces at sensible levels, coloured by what was measured. Paths are
 * absolute.
 */
import type { Engine, Volume, VolumeStatistics } from '../engine/engine.ts';
import type { LocalResolutionNumbers } from '../pipeline/local-resolution.ts';
import { attributesOf } from './assessment-files.ts';
import {
  bFactorPalette,
  chimeraxScript,
  colourCommand,
  colouredModel,
  PVDDT_PALETTE,
  type SceneMap,
} from './chimerax.ts';

/** Files of a scaling run, absolute paths. */
export interface ScaledScene {
  /** The map that opens first. */
  readonly scaled: string;
  /** Local B factors, and what they are inside the mask, A^2. */
  readonly bFactor?: VolumeStatistics & { readonly path: string };
  /** The map before scaling, where it is one file. */
  readonly input?: string;
}

/** Colours reach this many standard deviations to both sides of the mean. */
const COLOUR_REACH = 2;

/** For the contour: surfaces should enclose the volume of the mask. */
interface MaskSize {
  /** Above 0.5. */
  readonly maskVoxels: number;
  /** A. */
  readonly voxelSize: number;
}

/** What a scene needs of a result. */
interface ScaledRun {
  /** Local B factors are coloured by their values inside it. */
  readonly mask: Volume;
  /** Undefined where it was not measured. */
  readonly bFactor?: Volume;
  /** Of the run. */
  readonly numbers: MaskSize;
}

/** Local B factors inside the mask, where they were measured. */
export async function measureBFactors(
  engine: Engine,
  { bFactor, mask }: ScaledRun,
): Promise<VolumeStatistics | undefined> {
  return bFactor && engine.statistics(bFactor, { mask, inside: true });
}

/** What colours reach. */
export function coloured({ mean, sd, min, max }: VolumeStatistics): readonly [low: number, high: number] {
  return [Math.max(min, mean - COLOUR_REACH * sd), Math.min(max, mean + COLOUR_REACH * sd)];
}

/** `paths`: of the files that were written. */
export async function sceneOfScaledRun(
  engine: Engine,
  result: ScaledRun,
  { scaled, bFactor, input }: { readonly scaled: string; readonly bFactor?: string; readonly input?: string },
): Promise<string> {
  const measured = bFactor === undefined ? undefined : await measureBFactors(engine, result);
  return sceneOfScaling(
    { scaled, bFactor: measured && { path: bFactor as string, ...measured }, input },
    maskVolume(result.numbers),
  );
}

/** Cubic angstrom. */
export function maskVolume({ maskVoxels, voxelSize }: MaskSize): number {
  return maskVoxels * voxelSize ** 3;
}

/**
 * The script of a scaling run, coloured by local B factors where there are any.
 * `maskVolumeCubicAngstrom`: volume that the surfaces enclose at first.
 */
export function sceneOfScaling(scene: ScaledScene, maskVolumeCubicAngstrom: number): string {
  const { scaled, bFactor } = scene;
  // ChimeraX recognises compressed maps by its own rules, so these are left to the user.
  const input = scene.input !== undefined && /\.(gz|bz2)$/i.test(scene.input) ? undefined : scene.input;
  const maps: SceneMap[] = [
    { path: scaled, shown: true },
    ...(input === undefined ? [] : [{ path: input, shown: true }]),
    ...(bFactor === undefined ? [] : [{ path: bFactor.path, shown: false }]),
  ];
  const names = ['Scaled map (#1)', ...(input === undefined ? [] : ['input (#2)'])].join(' and ');
  if (bFactor === undefined) return chimeraxScript(names, maps, maskVolumeCubicAngstrom, undefined);
  const [low, high] = coloured(bFactor);
  return chimeraxScript(names, maps, maskVolumeCubicAngstrom, {
    by: maps.length,
    palette: bFactorPalette(low, high),
    key:
      `local B factor (#${maps.length}), A^2: blue ${low.toFixed(0)} (well ordered), red ` +
      `${high.toFixed(0)}`,
  });
}

/** #1 enhanced map, #2 baseline, #3 pVDDT: LocScale's order. */
export function sceneOfEnhancement(
  { mean, baseline, pvddt }: { readonly mean: string; readonly baseline: string; readonly pvddt?: string },
  maskVolumeCubicAngstrom: number,
): string {
  return chimeraxScript(
    'Feature-enhanced map (#1) and baseline (#2)',
    [
      { path: mean, shown: true },
      { path: baseline, shown: true },
      ...(pvddt === undefined ? [] : [{ path: pvddt, shown: false }]),
    ],
    maskVolumeCubicAngstrom,
    pvddt === undefined
      ? undefined
      : {
          by: 3,
          palette: PVDDT_PALETTE,
          key:
            'pVDDT (#3): red where the network added density, blue where it took it away, green where ' +
            'neither',
        },
  );
}

/** `shown`: the map whose surface is coloured by the resolution. */
export function sceneOfLocalResolution(
  { quantiles, median }: LocalResolutionNumbers,
  files: { readonly shown: string; readonly resolution: string },
  maskVolumeCubicAngstrom: number,
): string {
  const low = quantiles['5%'];
  const high = Math.max(quantiles['95%'], low + 0.1);
  return chimeraxScript(
    'Map (#1) coloured by its local resolution (#2)',
    [
      { path: files.shown, shown: true },
      { path: files.resolution, shown: false },
    ],
    maskVolumeCubicAngstrom,
    {
      by: 2,
      palette: resolutionPalette(low, high),
      key:
        `local resolution (#2): blue ${low.toFixed(1)} A, median ${median.toFixed(1)} A, red ` +
        `${high.toFixed(1)} A and worse`,
    },
  );
}

/**
 * Maps (those that are files) and a model that is coloured by its Q-scores in the first of those; how to
 * colour it by others stands in comments.
 */
export function sceneOfAssessment(
  labels: readonly string[],
  files: {
    readonly maps: readonly (string | undefined)[];
    readonly model: string;
    readonly attributes: string;
  },
  maskVolumeCubicAngstrom: number,
): string {
  // ChimeraX recognises compressed maps by its own rules, so these are left to the user.
  const isOpened = (path: string | undefined): path is string =>
    path !== undefined && !/\.(gz|bz2)$/i.test(path);
  const opened = files.maps.flatMap((path, i) => (isOpened(path) ? [{ path, label: labels[i] }] : []));
  const model = opened.length + 1;
  /** The map on top. */
  const shown = Math.max(0, files.maps.findIndex(isOpened));
  const names = [...opened.map(({ label }, i) => `${oneLine(label)} (#${i + 1})`), `model (#${model})`];
  return chimeraxScript(
    names.join(', '),
    opened.map(({ path }) => ({ path, shown: true })),
    maskVolumeCubicAngstrom,
    undefined,
    [
      ...colouredModel(model, files, {
        attribute: attributesOf(shown).q,
        key: `Q-score in ${oneLine(labels[shown])}: red 0, white 0.4, blue 0.8 and better; gray: not scored`,
      }),
      ...labels.flatMap((label, i) => [
        ...(i === shown ? [] : [`# by Q in ${oneLine(label)}: ${colourCommand(model, attributesOf(i).q)}`]),
        `# by correlation in ${oneLine(label)}: ${colourCommand(model, attributesOf(i).cc)}`,
      ]),
    ],
  );
}

/** ChimeraX commands end at the line's end. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

/** Blue, cyan, green, yellow, red in equal steps of resolution, A: the order other programs have, too. */
function resolutionPalette(low: number, high: number): string {
  const colours = ['#0000ff', '#00ffff', '#00ff00', '#ffff00', '#ff0000'];
  return colours
    .map((colour, i) => `${(low + ((high - low) * i) / (colours.length - 1)).toFixed(2)},${colour}`)
    .join(':');
}
