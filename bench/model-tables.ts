/**
 * The modelled times of docs/speed.md, and src/bench/counted-work.ts, which the model reads: both out of the counts and
 * compiled shaders in results/gpu-model/.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bytesOf,
  GPUS,
  type KernelWork,
  kernelTime,
  MODEL_ASSUMPTIONS,
  type ModelTime,
  modelTime,
  type StageWork,
  scaleOf,
} from '../src/bench/model.ts';
import { stages } from '../src/bench/stages.ts';
import { nextFastLength } from '../src/math/fourier/fft-plan.ts';
import { shellKernelVoxels } from '../src/math/fourier/shell-kernels.ts';
import type { Counts, JobBytes } from './gpu-counts.bench.ts';
import type { ShaderFigures } from './isa.bench.ts';
import type { KernelBytes } from './kernel-bytes.ts';
import { round, table } from './markdown.ts';
import type { SoftBytes } from './soft-counts.bench.ts';
import type { VerbCounts } from './verb-counts.bench.ts';

const FOLDER = 'bench/results/gpu-model';
/** Whose compiler says how many instructions an operation becomes. */
const FAMILY = 'navi31';

interface Figures {
  readonly work: readonly StageWork[];
  readonly instructionsPerOperation: number;
}

function readFigures(root: string): Figures {
  const read = <T>(name: string): T => JSON.parse(readFileSync(join(root, FOLDER, name), 'utf8')) as T;
  const { bytes: locscale } = read<Counts>('counts.json');
  const [soft] = read<SoftBytes[]>('soft-counts.json').filter(({ target }) => target === 'profile');
  const verbs = read<VerbCounts[]>('verb-counts.json');
  const verb = (name: string): VerbCounts => verbs.find(({ stage }) => stage === name) as VerbCounts;
  const [filter, resolution] = [verb('filter'), verb('resolution')];
  const mask = 'mask voxel' as const;
  const box = (edge: number) => ({ per: 'voxel' as const, units: edge ** 3, windowVoxels: 0 });
  return {
    work: [
      { stage: 'filter', ...box(filter.edge), kernels: workOf(filter.kernels) },
      {
        stage: 'locscale',
        per: mask,
        units: locscale.maskVoxels,
        windowVoxels: locscale.windowVoxels,
        kernels: workOf(locscale.kernels),
      },
      { stage: 'soft', ...box(soft.edge), kernels: workOf(soft.kernels) },
      {
        stage: 'resolution',
        per: mask,
        units: resolution.maskVoxels,
        windowVoxels: resolution.windowVoxels,
        kernels: workOf(resolution.kernels),
      },
    ],
    instructionsPerOperation: instructionsPerOperation(locscale, read<ShaderFigures>('isa.json')),
  };
}

function workOf(kernels: readonly KernelBytes[]): KernelWork[] {
  return kernels.map(({ label, dispatches, bytesRead, bytesWritten, localBytes, operations }) => ({
    label,
    dispatches,
    bytesRead,
    bytesWritten,
    localBytes,
    operations,
  }));
}

/**
 * Of the transforms of the job's boxes, which have no loops: every instruction of the program is executed once.
 */
function instructionsPerOperation(
  { kernels, windowVoxels, tileSize: [edge] }: JobBytes,
  { families }: ShaderFigures,
): number {
  const length = nextFastLength(edge + shellKernelVoxels(windowVoxels) - 1);
  let [instructions, operations] = [0, 0];
  for (const kernel of kernels.filter(({ label }) => label.startsWith('fft-'))) {
    const compiled = Object.entries(families[FAMILY].pipelines).find(([name]) =>
      name.startsWith(`${kernel.label} N=${length} `),
    );
    if (compiled === undefined)
      throw new Error(`${kernel.label} of ${length} was not compiled for ${FAMILY}.`);
    instructions += compiled[1].Instructions * kernel.invocations;
    operations += kernel.operations;
  }
  return instructions / operations;
}

/** Text of src/bench/counted-work.ts. */
export function countedWorkSource(root: string): string {
  const { work, instructionsPerOperation: ratio } = readFigures(root);
  const kernelLine = ({ label, ...counts }: KernelWork): string =>
    `      { label: '${label}', ${Object.entries(counts)
      .map(([name, count]) => `${name}: ${count}`)
      .join(', ')} },`;
  return `/**
 * What the shaders of the benchmark's stages do, counted on a software GPU. Made by \`npm run bench -- --tables\` out of
 * bench/results/gpu-model. Do not edit.
 */
// biome-ignore-all format: made by a program
import type { StageWork } from './model.ts';

/** Machine instructions per floating-point operation of the source, by Mesa's compiler for RDNA3. */
export const INSTRUCTIONS_PER_OPERATION = ${ratio.toFixed(2)};

export const COUNTED_WORK: readonly StageWork[] = [
${work
  .map(
    ({ stage, per, units, windowVoxels, kernels }) => `  {
    stage: '${stage}',
    per: '${per}',
    units: ${units},
    windowVoxels: ${windowVoxels},
    kernels: [
${kernels.map(kernelLine).join('\n')}
    ],
  },`,
  )
  .join('\n')}
];
`;
}

/** The job that the table is for: 256^3 voxels. */
const JOB = { voxels: 256 ** 3, maskVoxels: 1_000_000 };
/** Shaders of LocScale's scaling that take the most on some GPU have rows of their own. */
const SHOWN_SHARE = 0.05;

export function modelSections(root: string): string[] {
  const { work, instructionsPerOperation: ratio } = readFigures(root);
  const rows = work.flatMap((stage) => {
    const title = stages.find(({ name }) => name === stage.stage)?.title ?? stage.stage;
    const scale = scaleOf(stage, JOB);
    const totals = GPUS.map((gpu) => modelTime(stage, JOB, gpu));
    const parts = stage.kernels
      .map((kernel) => ({ kernel, times: GPUS.map((gpu) => kernelTime(kernel, stage.per, scale, gpu)) }))
      .filter(({ times }) => times.some((time, i) => time.uncached > SHOWN_SHARE * totals[i].uncached));
    return [
      [title, ...gigabytes(stage, scale), ...totals.map((time) => `**${span(time)}**`)],
      ...(stage.stage === 'locscale' ? parts : []).map(({ kernel, times }) => [
        `- ${kernel.label}`,
        ...gigabytes({ kernels: [kernel] }, scale),
        ...times.map(span),
      ]),
    ];
  });
  return [
    '## What GPUs should reach: a model',
    `**Not measured.** Milliseconds of GPU time for 256³ voxels, ${JOB.maskVoxels} of them in the mask, windows of 24³, from counts: bytes, workgroup memory, floating-point operations and dispatches of every shader on a software GPU (bench/results/gpu-model), and ${ratio.toFixed(2)} machine instructions per operation by Mesa's compiler for RDNA3. A shader takes as long as the slowest of memory, workgroup memory and arithmetic: the first number if all that it reads comes from caches, the second if nothing does, not even what neighbours have just read. Assumed: ${MODEL_ASSUMPTIONS}. \`locscale-gpu bench\` prints the model next to the measured time of a GPU that it knows.`,
    table(['stage', 'GB read', 'written', ...GPUS.map(({ name }) => name)], rows),
    `Peaks: ${GPUS.map(({ name, source }) => `${name}: ${source}`).join('. ')}.`,
  ];
}

/** Milliseconds, "8.2 - 13.7". */
function span({ cached, uncached }: ModelTime): string {
  const [from, to] = [round(1000 * cached), round(1000 * uncached)];
  return from === to ? from : `${from} - ${to}`;
}

function gigabytes(work: Pick<StageWork, 'kernels'>, scale: number): string[] {
  const { read, written } = bytesOf(work);
  return [read, written].map((bytes) => round((scale * bytes) / 1e9));
}
