/** The benches in order: options, engines, gates and times, JSON, tables. Started by run.mjs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { GateError } from '../src/bench/gate.ts';
import { coreCount } from '../src/platform/index.ts';
import { selectEngine } from '../src/select-engine.ts';
import type { BenchContext } from './context.ts';
import { benchEstimates } from './estimate.bench.ts';
import { benchFft } from './fft.bench.ts';
import { benchCounts } from './gpu-counts.bench.ts';
import { benchGpu, GPU_BENCHES } from './gpu-main.ts';
import type { GpuResults } from './gpu-results.ts';
import { benchIsa } from './isa.bench.ts';
import { benchLanguages } from './languages.bench.ts';
import { benchLocalResolution } from './local-resolution.bench.ts';
import { benchLocalScaling } from './local-scaling.bench.ts';
import { describeCommit, describeMachine, machineSlug, slugOf } from './machine.ts';
import { benchModelMap } from './model-map.bench.ts';
import { countedWorkSource, modelSections } from './model-tables.ts';
import { benchNetworks } from './network.bench.ts';
import { benchPseudoModel } from './pseudo-model.bench.ts';
import { benchRefinement } from './refine-bfactors.bench.ts';
import { benchResample } from './resample.bench.ts';
import type { BenchResults } from './results.ts';
import { benchSoftCounts } from './soft-counts.bench.ts';
import { benchSoftScaling } from './soft-scaling.bench.ts';
import { benchSymmetrise } from './symmetrise.bench.ts';
import { makeSpeedDocument, readResults, storedFiles } from './tables.ts';
import { benchVerbCounts } from './verb-counts.bench.ts';

const BENCHES = [
  'fft',
  'resample',
  'local-scaling',
  'local-resolution',
  'soft-scaling',
  'network',
  'model-map',
  'pseudo-model',
  'refine-bfactors',
  'symmetrise',
  'estimate',
] as const;

/** What shaders are and ask for, not how fast a machine runs them: run by name only. */
const MODEL_BENCHES = {
  isa: benchIsa,
  counts: benchCounts,
  'soft-counts': benchSoftCounts,
  'verb-counts': benchVerbCounts,
  languages: benchLanguages,
};

const HELP = `npm run bench -- [options]
  --only NAME        ${BENCHES.join(' | ')}; may be given several times (default: all);
                     with --engine gpu: ${GPU_BENCHES.join(' | ')};
                     isa, counts, soft-counts, verb-counts: figures of the shaders without a GPU, compared with the stored
                     ones; --write stores them anew. languages: shaders in the languages of Metal and Direct3D
  --quick            small sizes, one run each: checks that the benches work
  --write            store bench/results/<date>-<machine>.json and make docs/speed.md from all results
  --tables           only make docs/speed.md and the work that its model knows from the stored results
  --engine NAME      cpu (default) | gpu
  --threads N        threads of the many-thread runs (default: all cores)
  --packages FOLDER  folder whose node_modules holds the npm FFT packages (default: this repository)
  --gpu_ids N        index or part of the name of the GPU; with --engine gpu, as the next four
  --allow-software-gpu  measure SwiftShader, or what VK_ICD_FILENAMES names: never stored
  --max-size N       largest box edge (default: 512; 64 on a software GPU)
  --mask-voxels N    mask voxels of the 256^3 case, other boxes in proportion (default: 1000000)
  --out FILE         store the JSON there and nothing else, partial runs and software GPUs too
  LOCSCALE_ORIGINAL  environment variable: checkout of the original program to compare with
`;

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    tables: { type: 'boolean', default: false },
    engine: { type: 'string', default: 'cpu' },
    threads: { type: 'string' },
    packages: { type: 'string' },
    gpu_ids: { type: 'string', multiple: true },
    'allow-software-gpu': { type: 'boolean', default: false },
    'max-size': { type: 'string' },
    'mask-voxels': { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const { root } = values;
  if (values.help || root === undefined) {
    process.stdout.write(HELP);
    return;
  }
  if (values.tables) {
    writeTables(root);
    return;
  }
  const named = values.only ?? [];
  if (named.length > 0 && named.every((name) => Object.hasOwn(MODEL_BENCHES, name))) {
    const say = (line: string) => void process.stdout.write(`${line}\n`);
    // Mesa complains without it.
    process.env.XDG_RUNTIME_DIR ??= tmpdir();
    for (const name of named as (keyof typeof MODEL_BENCHES)[]) {
      const begun = performance.now();
      say(name);
      await MODEL_BENCHES[name]({ root, write: values.write, say });
      say(`  ${((performance.now() - begun) / 1000).toFixed(0)} s`);
    }
    return;
  }
  const benches: readonly string[] = values.engine === 'gpu' ? GPU_BENCHES : BENCHES;
  const only = values.only ?? [...benches];
  const unknown = only.find((name) => !benches.includes(name));
  const threads = values.threads === undefined ? coreCount() : Number(values.threads);
  if (unknown !== undefined || (values.engine !== 'cpu' && values.engine !== 'gpu')) {
    throw new Error(`There is no bench or engine '${unknown ?? values.engine}': see --help.`);
  }
  if (values.write && (values.quick || values.only)) {
    throw new Error('Only a whole run is stored: --write goes without --quick and --only.');
  }
  const started = performance.now();
  if (values.engine === 'gpu') {
    await runGpu(root, only, threads);
    return;
  }
  const choice = values.engine;
  const { engine: allThreads } = await selectEngine({ engine: choice, threads });
  const oneThread = threads > 1 ? (await selectEngine({ engine: choice, threads: 1 })).engine : allThreads;
  const context: BenchContext = {
    quick: values.quick,
    oneThread,
    allThreads,
    threads,
    packagesFolder: values.packages ?? root,
    originalFolder: process.env.LOCSCALE_ORIGINAL || undefined,
    root,
    say: (line) => process.stdout.write(`${line}\n`),
  };
  const machine = describeMachine(allThreads.description);
  context.say(`${machine.processor}, ${machine.cores} cores, ${machine.runtime}; ${machine.device}`);
  try {
    const measured: Partial<
      Pick<
        BenchResults,
        | 'fft'
        | 'resample'
        | 'localScaling'
        | 'localResolution'
        | 'networks'
        | 'modelMaps'
        | 'pseudoModels'
        | 'refinements'
        | 'symmetrise'
        | 'softScaling'
        | 'estimates'
      >
    > = {};
    if (only.includes('fft')) {
      context.say('FFT');
      Object.assign(measured, { fft: await benchFft(context) });
    }
    if (only.includes('resample')) {
      context.say('Resampling');
      Object.assign(measured, { resample: await benchResample(context) });
    }
    if (only.includes('local-scaling')) {
      context.say('Local scaling');
      if (context.originalFolder === undefined)
        context.say('  LOCSCALE_ORIGINAL is not set: no comparison with it');
      Object.assign(measured, { localScaling: await benchLocalScaling(context) });
    }
    if (only.includes('local-resolution')) {
      context.say('Local resolution');
      Object.assign(measured, { localResolution: await benchLocalResolution(context) });
    }
    if (only.includes('soft-scaling')) {
      context.say('Soft scaling');
      Object.assign(measured, { softScaling: await benchSoftScaling(context) });
    }
    if (only.includes('network')) {
      context.say('Networks');
      const { quick, say } = context;
      Object.assign(measured, { networks: await benchNetworks({ root, quick, webgpu: false, say }) });
    }
    if (only.includes('model-map')) {
      context.say('Maps of models');
      Object.assign(measured, { modelMaps: await benchModelMap(context) });
    }
    if (only.includes('pseudo-model')) {
      context.say('Pseudo-models');
      Object.assign(measured, { pseudoModels: await benchPseudoModel(context) });
    }
    if (only.includes('refine-bfactors')) {
      context.say('Refinement of B factors');
      Object.assign(measured, { refinements: await benchRefinement(context) });
    }
    if (only.includes('symmetrise')) {
      context.say('Symmetry');
      Object.assign(measured, { symmetrise: await benchSymmetrise(context) });
    }
    if (only.includes('estimate')) {
      context.say('Expected time');
      Object.assign(measured, { estimates: await benchEstimates(context) });
    }
    context.say(`${((performance.now() - started) / 1000).toFixed(0)} s in all`);
    if (!values.write) return;
    store(root, { engine: choice, machine, ...measured }, machineSlug(machine, choice));
  } finally {
    await allThreads.dispose();
    if (oneThread !== allThreads) await oneThread.dispose();
  }
}

/** `slug`: machine or adapter and engine, the name of the file behind the date. */
function store(
  root: string,
  measured: Omit<BenchResults, 'schema' | 'date' | 'commit' | 'modified'>,
  slug: string,
) {
  const date = new Date().toISOString().slice(0, 10);
  const results: BenchResults = { schema: 1, date, ...describeCommit(root), ...measured };
  const file = values.out ?? join(root, 'bench/results', `${date}-${slug}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  if (values.out === undefined) writeTables(root);
  process.stdout.write(`wrote ${file}${values.out === undefined ? ' and docs/speed.md' : ''}\n`);
}

async function runGpu(root: string, only: readonly string[], threads: number): Promise<void> {
  const started = performance.now();
  const say = (line: string): void =>
    void process.stdout.write(`${line}
`);
  const save = (gpu: GpuResults): void => {
    const { name } = gpu.adapter;
    store(root, { engine: 'gpu', machine: describeMachine(name), gpu }, slugOf(`${name} gpu`));
  };
  const gpu = await benchGpu({
    root,
    only,
    threads,
    quick: values.quick,
    allowSoftwareGpu: values['allow-software-gpu'],
    ...(values.gpu_ids === undefined ? {} : { gpuIds: values.gpu_ids }),
    ...(values['max-size'] === undefined ? {} : { maxSize: Number(values['max-size']) }),
    ...(values['mask-voxels'] === undefined ? {} : { maskVoxels: Number(values['mask-voxels']) }),
    say,
    // A run that is stopped leaves what it has measured.
    save: values.out === undefined ? () => undefined : save,
  });
  say(`${((performance.now() - started) / 1000).toFixed(0)} s in all`);
  if (!values.write) return;
  if (gpu.adapter.kind === 'software')
    throw new Error(`${gpu.adapter.name} is a software GPU: its times are not stored.`);
  save(gpu);
}

function writeTables(root: string): void {
  const work = join(root, 'src/bench/counted-work.ts');
  const source = countedWorkSource(root);
  if (readFileSync(work, 'utf8') !== source) {
    writeFileSync(work, source);
    process.stdout.write('src/bench/counted-work.ts has changed: run this again for docs/speed.md.\n');
    return;
  }
  const results = readResults(join(root, 'bench/results'));
  writeFileSync(
    join(root, 'docs/speed.md'),
    makeSpeedDocument(results, modelSections(root), storedFiles(join(root, 'bench/results/start-up'))),
  );
}

main().catch((error: unknown) => {
  const gate = error instanceof GateError ? 'gate failed: ' : '';
  process.stderr.write(`bench: ${gate}${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
