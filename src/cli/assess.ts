/** `locscale-gpu assess MAP -mc MODEL`: maps side by side, compared with a model and with each other. */
import { statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { makeFolder } from '../files/staged-files.ts';
import { type AssessJob, type AssessResult, planAssess, runAssess } from '../index.ts';
import { formatBytes } from '../math/bytes.ts';
import type { FscFall } from '../math/fourier/fsc.ts';
import type { OptionValues } from '../options/index.ts';
import type { Assessment } from '../pipeline/types.ts';
import { recordOfAssessment } from '../report/run-record.ts';
import { measurementToShow } from '../report/run-to-show.ts';
import { assessOutputs, localCorrelationOutput } from './assess-outputs.ts';
import { chooseInput, type InputFiles, ineffectiveOptions, refusePositionals } from './job-options.ts';
import type { ShortPlan } from './print-plan.ts';
import { type MapRun, type Opened, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';
import { usage } from './usage.ts';

/** Named in the plan and the record. */
const MODE = 'maps compared with a model';
/** Written where -o is absent; in a folder of -o the tables have this name, too. */
const DEFAULT_OUTFILE = 'assess.csv';

/** Creates the folder of -o first, because the checks of output names expect it. */
export async function runAssessCommand(session: Session): Promise<void> {
  const run = assessRun(session);
  const { outfile, dryRun } = session.parsed.values;
  // Before names are checked: its files go there.
  if (outfile !== undefined && endsAsFolder(outfile) && dryRun !== true) await makeFolder(outfile, '-o');
  return runMapCommand(session, run);
}

/** The run as data for run-command.ts; further maps add rows to its table of outputs. */
function assessRun(session: Session): MapRun<AssessJob, AssessResult> {
  const { values, positionals } = session.parsed;
  const { input, halfMaps } = chooseMaps(values, positionals);
  const model = chooseModel(values);
  const { against = [], resolution, radius: radiusAngstrom, localWindow, labels } = values;
  const settings = { resolution, radiusAngstrom, localWindow };
  // The table has the row of the first further map already.
  const further = against.slice(1).map((_, i) => localCorrelationOutput(i + 1));
  const outputs = [...assessOutputs, ...further];
  return {
    outputs,
    outfile: chooseTable(values),
    input,
    moreInputs: [...(halfMaps ?? []), ...against, model],
    notes: ineffectiveOptions(values, { kind: 'none' }, { command: 'assess' }),
    open: async (opened) => ({
      ...{ input: opened.input, mask: opened.mask, labels, settings },
      ...(await openFurther(opened, against, halfMaps)),
      structure: await opened.openModel(model),
    }),
    plan: async (job, context) => planWords(planAssess(job, context), session),
    run: runAssess,
    summarise: (result, { engine }) => {
      const { assessment, fsc, fscInMask, grid } = result;
      const { maskVoxels, maskOrigin } = assessment;
      return {
        record: {
          mode: MODE,
          parameters: { ...settings, labels, apix: values.apix },
          numbers: { shape: grid.shape, maskVoxels, maskOrigin },
          assessment: recordOfAssessment(assessment),
          ...{ fsc, fscInMask },
        },
        report: {
          kind: 'assess',
          run: {
            ...measurementToShow(engine, outputs, result, { fsc, noise: undefined }),
            assessment,
          },
        },
        lines: assessmentLines(assessment),
      };
    },
  };
}

/** Further maps and half maps stay in their files until they are compared, one at a time in memory. */
async function openFurther(
  { openLater }: Opened,
  against: readonly string[],
  halfMaps: readonly [string, string] | undefined,
): Promise<Pick<AssessJob, 'against' | 'halfMaps'>> {
  const maps: NonNullable<AssessJob['against']>[number][] = [];
  for (const path of against) maps.push(await openLater(path, 'further map'));
  if (halfMaps === undefined) return { against: maps };
  const [half1, half2] = halfMaps;
  return {
    against: maps,
    halfMaps: [await openLater(half1, 'half map 1'), await openLater(half2, 'half map 2')],
  };
}

/** The first map, or half maps whose mean it is; half maps given with a map determine its resolution. */
function chooseMaps(
  values: OptionValues,
  positionals: readonly string[],
): { input: InputFiles; halfMaps?: readonly [string, string] } {
  refusePositionals(positionals, 1, 'Give further maps with --against, and the model with -mc.');
  const { halfmapPaths, ...others } = values;
  if (positionals[0] === undefined && values.emmapPath === undefined && halfmapPaths !== undefined)
    return { input: chooseInput(values) };
  if (positionals[0] === undefined && values.emmapPath === undefined)
    throw usage('No map is given.', 'assess', 'Write locscale-gpu assess MAP -mc MODEL.');
  return { input: chooseInput(others, positionals[0]), halfMaps: halfmapPaths };
}

/** The model is required: without one there is nothing to assess the maps by. */
function chooseModel({ modelCoordinates }: OptionValues): string {
  if (modelCoordinates !== undefined) return modelCoordinates;
  throw usage(
    'No model is given to compare the maps with.',
    '-mc',
    'Give an atomic model (PDB or mmCIF) with -mc MODEL.',
  );
}

/** A table's name, or a folder for it. */
function chooseTable({ outfile }: OptionValues): string {
  if (outfile === undefined) return DEFAULT_OUTFILE;
  if (endsAsFolder(outfile)) return join(outfile, DEFAULT_OUTFILE);
  if (extname(outfile).toLowerCase() === '.csv') return outfile;
  if (statSync(outfile, { throwIfNoEntry: false })?.isDirectory()) return join(outfile, DEFAULT_OUTFILE);
  throw usage(
    `The scores cannot be written as "${outfile}".`,
    '-o',
    'Give a name that ends in .csv, or a folder: a name that ends in a slash, or one that is there.',
  );
}

/** "scores/" is a folder, whether or not it exists. */
function endsAsFolder(path: string): boolean {
  return /[/\\]$/.test(path);
}

/** Numbers of the plan as printed lines; warns if the memory exceeds the limit. It computes nothing. */
function planWords(
  { grid, labels, atoms, chains, residues, peakBytes, memoryLimitBytes }: ReturnType<typeof planAssess>,
  { logger }: Session,
): ShortPlan {
  const limit = memoryLimitBytes === undefined ? '' : `, limit ${formatBytes(memoryLimitBytes)}`;
  if (memoryLimitBytes !== undefined && peakBytes > memoryLimitBytes)
    logger.warn(
      `The run needs about ${formatBytes(peakBytes)}, more than the limit of ` +
        `${formatBytes(memoryLimitBytes)}.`,
    );
  return {
    mode: MODE,
    grid,
    lines: [
      `Maps: ${labels.join(', ')}`,
      `Model: ${atoms} atoms, ${residues} residues in ${chains} ${chains === 1 ? 'chain' : 'chains'}`,
      `Memory: ${formatBytes(peakBytes)}${limit}`,
    ],
  };
}

/** One line per map, and the reference values of the numbers. */
export function assessmentLines(assessment: Assessment): string[] {
  const { maps, resolution, resolutionSource, expectedQ } = assessment;
  const width = Math.max(3, ...maps.map(({ label }) => label.length));
  // With one map there is no local correlation and no column for it.
  const local = maps.length > 1;
  const expected = Object.entries(expectedQ).filter(([, value]) => value !== undefined);
  return [
    `${'Map'.padEnd(width)}  FSC 0.5  FSC 0.143  CC mask  mean Q  Guinier ` +
      `B${local ? `  CC with ${maps[0].label}` : ''}`,
    ...maps.map(({ label, fscAtHalf, fscAt0143, cc, q, guinier, localCorrelation }) =>
      [
        label.padEnd(width),
        fallCell(fscAtHalf).padStart(7),
        fallCell(fscAt0143).padStart(9),
        numberCell(cc, 3).padStart(7),
        numberCell(q, 3).padStart(6),
        numberCell(guinier?.bFactor, 1).padStart(9),
        ...(local ? [numberCell(localCorrelation, 3).padStart(`CC with ${maps[0].label}`.length)] : []),
      ].join('  '),
    ),
    resolution === undefined
      ? 'Resolution: unknown; model maps end at Nyquist. Give it with -res, or half maps with -hm.'
      : `Resolution: ${resolution.toFixed(2)} A ` +
        `(${resolutionSource === 'user' ? 'as given' : resolutionSource})`,
    ...expected.map(
      ([polymer, value]) =>
        `Published models at ${resolution?.toFixed(2)} A have a mean Q of ${value?.toFixed(2)} ` +
        `(${polymer === 'protein' ? 'protein' : 'nucleic acid'}).`,
    ),
  ];
}

/** Resolution in A, or where the curve stays. */
function fallCell(fall: FscFall): string {
  if (fall.kind === 'falls') return `${fall.resolution.toFixed(2)} A`;
  return fall.kind === 'stays above' ? 'Nyquist' : 'none';
}

/** A dash if the number does not exist. */
function numberCell(value: number | undefined, digits: number): string {
  return value === undefined ? '-' : value.toFixed(digits);
}
