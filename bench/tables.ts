/** docs/speed.md out of bench/results/*.json: numbers in the documentation are made, never typed. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredFile } from './doc-tables.mjs';
import { gpuSections } from './gpu-tables.ts';
import { ms, round, table } from './markdown.ts';
import type { BenchResults, FftResult, LocalResolutionResults, LocalScalingResults } from './results.ts';
import { startUpSections } from './start-up-tables.mjs';

/** The latest results of every machine and engine, in the order of their file names; no software GPUs. */
export function readResults(folder: string): BenchResults[] {
  const latest = new Map<string, BenchResults>();
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.json')) continue;
    const results = JSON.parse(readFileSync(join(folder, file), 'utf8')) as BenchResults;
    if (results.gpu?.adapter.kind === 'software') continue;
    latest.set(file.replace(/^\d{4}-\d{2}-\d{2}-/, ''), results);
  }
  return [...latest.values()];
}

const ON_YOUR_MACHINE = [
  '## On your machine',
  [
    '```sh',
    'locscale-gpu bench --quick',
    'locscale-gpu bench -o mine.json',
    'locscale-gpu bench --compare theirs.json',
    '```',
  ].join('\n'),
  "The first takes half a minute. The second generates maps of 256³ voxels and takes some minutes: copies in memory, FFTs, LocScale's scaling, soft scaling, local resolution, the bundled network and the whole command, on the CPU and on every GPU found. Every result is compared before it is timed, that of the CPU with float64 sums and that of a GPU with the CPU's; a GPU whose results are wrong is named and has no times. The third shows another machine's times next to those of this one.",
  '`CPU / it` is how many times as long the CPU of this machine takes; `of copy` the bytes that the shaders were counted to read and write (no cache assumed, so that caches can bring it above 100 %), as a share of what the GPU copies in that time; `model` the time by the table below, for a GPU that it has.',
  'No hardware GPU has been measured for this document yet. If you have one, send the file `mine.json` with an issue in the repository: it holds the names of processor and GPU, driver, times and differences, and nothing of your data. Software GPUs are measured with `--allow_software_gpu` only, in small boxes, and say nothing about hardware.',
];

/** `model`: of model-tables.ts. */
export function makeSpeedDocument(
  all: readonly BenchResults[],
  model: readonly string[] = [],
  startUp: readonly StoredFile[] = [],
): string {
  const sections = all.map((results) =>
    [
      `## ${results.gpu ? `${results.gpu.adapter.name}, engine gpu` : `${results.machine.processor}, ${results.machine.cores} cores, engine ${results.engine}`}`,
      `${results.date}, commit ${results.commit}${results.modified ? ' with changes' : ''}, ${results.machine.runtime}, ${results.gpu ? `${results.machine.processor}, ${results.machine.cores} cores, ` : ''}${results.machine.memoryGiB} GiB; ${results.machine.device}. Every time is the median of the runs made.`,
      ...(results.gpu ? gpuSections(results.gpu) : []),
      ...(results.localScaling ? scalingSection(results.localScaling) : []),
      ...(results.localResolution ? resolutionSection(results.localResolution) : []),
      ...(results.softScaling ? softScalingSection(results.softScaling) : []),
      ...(results.fft ? fftSection(results.fft) : []),
      ...(results.resample ? resampleSection(results.resample) : []),
      ...networkSection([...(results.networks ?? []), ...(results.gpu?.networks ?? [])]),
      ...(results.modelMaps ? modelMapSection(results.modelMaps) : []),
      ...(results.pseudoModels ? pseudoModelSection(results.pseudoModels) : []),
      ...(results.refinements ? refinementSection(results.refinements) : []),
      ...(results.symmetrise ? symmetriseSection(results.symmetrise) : []),
      ...(results.estimates ? estimateSection(results.estimates) : []),
    ].join('\n\n'),
  );
  return `${[
    '# Speed',
    'Made by `npm run bench -- --write` from the files in bench/results/; not edited by hand. Every result was compared with an oracle before it was timed (bench/README.md says how).',
    ...ON_YOUR_MACHINE,
    ...model,
    ...startUpSections(startUp),
    ...sections,
  ].join('\n\n')}\n`;
}

function scalingSection({ edge, maskVoxels, windows }: LocalScalingResults): string[] {
  const micro = (seconds: number | undefined): string =>
    seconds === undefined ? '-' : ((seconds / maskVoxels) * 1e6).toFixed(1);
  const times = (factor: number | undefined): string => (factor === undefined ? '-' : `${round(factor)}×`);
  const rows = windows.map((w) => {
    const perVoxel = w.oneThread.median / maskVoxels;
    return [
      `${w.windowVoxels}`,
      w.mode,
      `**${micro(w.oneThread.median)}**`,
      ...['profiles', 'rule', 'convolutions', 'gather', 'setUp'].map((part) => micro(w.parts?.[part])),
      times(w.allThreads && w.oneThread.median / w.allThreads.median),
      w.gate.error.toExponential(1),
      times(w.directPerVoxel / perVoxel),
      w.original ? `${round(w.original.secondsPerVoxel * 1e6)}` : '-',
      times(w.original && w.original.secondsPerVoxel / perVoxel),
      w.original ? w.original.gate.error.toExponential(1) : '-',
    ];
  });
  const threads = windows[0]?.threads ?? 1;
  const version = windows.find((w) => w.original)?.original?.version;
  return [
    '### Local scaling',
    `Map and reference of ${edge}³ voxels, ${maskVoxels} of them in the mask. Microseconds per mask voxel on one thread, whole and by part; "${threads} threads" is how much faster all threads are; errors are relative L2; set-up is what is left of the wall time: shell kernels and tables of the thread, the result volume; the oracle is the float64 window-by-window form in this repository; the original is LocScale${version ? ` ${version}` : ''}, its own loop on one core in the same run.`,
    table(
      [
        'window',
        'rule',
        'µs',
        'profiles',
        'factors',
        'convolutions',
        'gather',
        'set-up',
        `${threads} threads`,
        'error to oracle',
        'faster than oracle',
        'original, µs',
        'faster than original',
        'error to original',
      ],
      rows,
    ),
  ];
}

function fftSection(results: readonly FftResult[]): string[] {
  const rows = results.flatMap((r) => {
    const n = r.edge ** 3;
    const flops = 2.5 * n * Math.log2(n);
    const row = (name: string, seconds: number, passes: number, ratio: string): string[] => [
      `${r.edge}³`,
      name,
      ms(seconds),
      ((passes * 8 * n) / seconds / 1e9).toFixed(2),
      ((passes * flops) / seconds / 1e9).toFixed(2),
      ratio,
    ];
    const forward = r.forward?.median;
    const both = r.forwardAndInverse?.median;
    const filter = r.filterOneThread.median;
    const many = r.filterAllThreads?.median;
    return [
      ...(forward === undefined ? [] : [row('forward', forward, 1, '')]),
      ...(both === undefined ? [] : [row('forward and inverse', both, 2, '')]),
      row('forward, filter, inverse', filter, 2, ''),
      ...(many === undefined ? [] : [row('the same, all threads', many, 2, '')]),
      row('forward, shell sums', r.shellSums.median, 1, ''),
      ...r.packages.flatMap((p) => [
        row(
          `${p.name}, forward`,
          p.forward.median,
          1,
          forward === undefined ? '' : `${(p.forward.median / forward).toFixed(2)}×`,
        ),
        row(
          `${p.name}, forward and inverse`,
          p.forwardAndInverse.median,
          2,
          `${(p.forwardAndInverse.median / (both ?? filter)).toFixed(2)}×`,
        ),
      ]),
    ];
  });
  return [
    '### Real 3D FFT',
    'One thread unless said. GB/s counts 8 bytes per voxel and transform (volume read, half spectrum written); Gflop/s counts 2.5 N log2 N per transform. The last column says how many times longer the npm package takes than the same transforms here. The rows with a filter and with shell sums are engine verbs: they also make new volumes and do that work.',
    table(['size', 'what', 'ms', 'GB/s', 'Gflop/s', 'takes longer'], rows),
  ];
}

function resampleSection(results: NonNullable<BenchResults['resample']>): string[] {
  return [
    '### Resampling',
    'Engine verb `resample`, new volume included: forward over the old voxels, inverse over the new ones.',
    table(
      ['from', 'to', 'one thread, ms', 'all threads, ms', 'difference'],
      results.map((r) => [
        `${r.from}³`,
        `${r.to}³`,
        ms(r.oneThread.median),
        r.allThreads ? ms(r.allThreads.median) : '-',
        r.gate.error.toExponential(1),
      ]),
    ),
  ];
}

function resolutionSection({ edge, maskVoxels, windows }: LocalResolutionResults): string[] {
  return [
    '### Local resolution',
    `Engine verb \`localResolution\`: two half maps of ${edge}³, ${maskVoxels} mask voxels, all shells to Nyquist. µs per voxel; the oracle transforms both windows of a voxel in float64.`,
    table(
      ['window', 'voxels', 'one thread', 'all threads', 'difference', 'times the oracle'],
      windows.map((w) => [
        w.weights,
        `${w.windowVoxels}`,
        ((1e6 * w.oneThread.median) / maskVoxels).toFixed(1),
        w.allThreads ? `**${((1e6 * w.allThreads.median) / maskVoxels).toFixed(1)}**` : '-',
        w.gate.error.toExponential(1),
        `${round((w.directPerVoxel * maskVoxels) / w.oneThread.median)}×`,
      ]),
    ),
  ];
}

function modelMapSection(results: NonNullable<BenchResults['modelMaps']>): string[] {
  return [
    '### Maps of models',
    "Engine verb `simulateMap`: a ball of atoms at a protein's density, voxels of 1 Å. The last column is the difference of Fourier coefficients from their definition.",
    table(
      ['atoms', 'box', 'one thread, ms', 'all threads, ms', 'difference'],
      results.map((r) => [
        `${r.atoms}`,
        `${r.edge}³`,
        ms(r.oneThread.median),
        r.allThreads ? `**${ms(r.allThreads.median)}**` : '-',
        r.gate.error.toExponential(1),
      ]),
    ),
  ];
}

function refinementSection(results: NonNullable<BenchResults['refinements']>): string[] {
  return [
    '### Refinement of B factors',
    'A ball of atoms against its own map, voxels of 1 Å, as at 4 Å resolution. The last column is the difference of the B factors from the true ones.',
    table(
      ['atoms', 'box', 'cycles', 's', 'difference'],
      results.map((r) => [
        `${r.atoms}`,
        `${r.edge}³`,
        `${r.cycles}`,
        `**${r.timing.median.toFixed(1)}**`,
        r.gate.error.toExponential(1),
      ]),
    ),
  ];
}

function softScalingSection(results: NonNullable<BenchResults['softScaling']>): string[] {
  const share = (
    scaling: { median: number } | undefined,
    transforms: { median: number } | undefined,
  ): string => (scaling && transforms ? `${round(scaling.median / transforms.median)}` : '-');
  return [
    '### Soft scaling',
    'Engine verb `bandScaling`: half maps with a mask, voxels of 1.06 Å. The shares are of the time of as many whole transforms, measured in the same run.',
    table(
      ['box', 'target', 'transforms', 'one thread, ms', 'share', 'all threads, ms', 'share'],
      results.map((r) => [
        `${r.edge}³`,
        r.target,
        `${r.transforms}`,
        ms(r.oneThread.median),
        share(r.oneThread, r.oneThreadTransforms),
        r.allThreads ? `**${ms(r.allThreads.median)}**` : '-',
        share(r.allThreads, r.allThreadsTransforms),
      ]),
    ),
  ];
}

function symmetriseSection(results: NonNullable<BenchResults['symmetrise']>): string[] {
  return [
    '### Symmetry',
    'Engine verb `symmetrise`. C4 moves voxels; D7 and I interpolate 7 and 5 copies. The last column is the difference from blobs at turned places.',
    table(
      ['group', 'box', 'one thread, ms', 'all threads, ms', 'difference'],
      results.map((r) => [
        r.group,
        `${r.edge}³`,
        ms(r.oneThread.median),
        r.allThreads ? `**${ms(r.allThreads.median)}**` : '-',
        r.gate.error.toExponential(1),
      ]),
    ),
  ];
}

function pseudoModelSection(results: NonNullable<BenchResults['pseudoModels']>): string[] {
  return [
    '### Pseudo-models',
    'Moving atoms that fill a mask, one per 25 Å³, on one thread: up to 50 iterations and what takes atoms apart afterwards. The last column is the share of atoms without a neighbour within 80 % of the distance.',
    table(
      ['atoms', 'method', 'iterations', 'ms', 'apart'],
      results.map((r) => [
        `${r.atoms}`,
        r.method,
        `${r.iterations}`,
        `**${ms(r.timing.median)}**`,
        `${(100 * r.separatedShare).toFixed(1)} %`,
      ]),
    ),
  ];
}

function networkSection(results: NonNullable<BenchResults['networks']>): string[] {
  if (results.length === 0) return [];
  return [
    '### Networks',
    'On onnxruntime, cubes handed over and results taken back. An input voxel is predicted once per cube that covers it: 8 times with EMmerNet (cubes of 32 every 16), 3.4 times with the bundled network (48 every 32).',
    table(
      [
        'network',
        'parameters',
        'cube',
        'GFLOP per cube',
        'provider',
        'batch',
        'cubes/s',
        'GFLOP/s',
        'difference',
      ],
      results.map((r) => [
        r.network,
        `${(r.parameters / 1e6).toFixed(1)} M`,
        `${r.cubeEdge}³`,
        r.gflopPerCube.toFixed(1),
        r.provider,
        `${r.batch}`,
        `**${(r.batch / r.timing.median).toPrecision(3)}**`,
        ((r.gflopPerCube * r.batch) / r.timing.median).toFixed(0),
        r.gate.error.toExponential(1),
      ]),
    ),
  ];
}

function estimateSection(results: NonNullable<BenchResults['estimates']>): string[] {
  return [
    '### Expected time',
    'What `--dry-run` would say against what one thread then took.',
    table(
      ['window', 'profile', 'box', 'mask voxels', 'expected, s', 'took, s', 'expected / took'],
      results.map((r) => [
        `${r.windowVoxels}`,
        r.profileKind,
        `${r.edge}³`,
        `${r.maskVoxels}`,
        r.predictedSeconds.toFixed(2),
        r.measuredSeconds.toFixed(2),
        (r.predictedSeconds / r.measuredSeconds).toFixed(2),
      ]),
    ),
  ];
}

/** Name and text of the JSON files of a folder. */
export function storedFiles(folder: string): StoredFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
}
