/**
 * What compilers other than Dawn's for Vulkan make of the shaders. Every pipeline of the engine is translated
 * to the languages of Metal and Direct3D by naga, wgpu's own translator and so that of Deno on macOS and
 * Windows; naga validates the module with the pipeline's constants put in, and glslang, where it is
 * installed, compiles the HLSL. Nothing here has Apple's compiler. A shader that naga refuses, or a shader of
 * src/shaders that no pipeline uses, is an error.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GateError } from '../src/bench/gate.ts';
import { countCalls } from './gpu-counts.bench.ts';
import { JOBS } from './isa.bench.ts';
import { distinct, type Pipeline, verbPipelines } from './pipelines.ts';

/** Metal 2.4 (macOS 12) and shader model 6.0 are what wgpu asks for at least. */
const METAL = '2.4';
const SHADER_MODEL = '60';

export async function benchLanguages(options: {
  readonly root: string;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { root, say } = options;
  if (spawnSync('naga', ['--version']).error) {
    say('  left out: naga is not installed (cargo install naga-cli)');
    return;
  }
  const jobs = [];
  for (const job of JOBS) jobs.push(...(await countCalls(job)).uses);
  const pipelines = distinct([...jobs, ...(await verbPipelines())]);
  const unused = unusedShaders(root, pipelines);
  if (unused.length > 0) throw new GateError(`no pipeline uses ${unused.join(', ')}`);
  const compiles = !spawnSync('glslangValidator', ['--version']).error;
  if (!compiles) say('  HLSL is not compiled: glslangValidator is not installed (glslang-tools)');
  const folder = mkdtempSync(join(tmpdir(), 'locscale-languages-'));
  const faults: string[] = [];
  try {
    for (const [i, pipeline] of pipelines.entries()) {
      const fault =
        translate(pipeline, join(folder, String(i))) ??
        (compiles ? compileHlsl(pipeline, join(folder, String(i))) : undefined);
      if (fault !== undefined) faults.push(`${pipeline.name}: ${fault}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (faults.length > 0) throw new GateError(faults.join('\n'));
  say(
    `  ${pipelines.length} pipelines translated to MSL ${METAL} and HLSL${compiles ? ', the HLSL compiled' : ''}`,
  );
}

/** What naga says against the pipeline; undefined where it takes it. */
function translate({ code, constants }: Pipeline, stem: string): string | undefined {
  writeFileSync(`${stem}.wgsl`, code);
  const overrides = Object.entries(constants).flatMap(([name, value]) => ['--override', `${name}=${value}`]);
  const versions = ['--metal-version', METAL, '--shader-model', SHADER_MODEL];
  const outputs = [`${stem}.metal`, `${stem}.hlsl`];
  const run = spawnSync('naga', [...versions, ...overrides, `${stem}.wgsl`, ...outputs], {
    encoding: 'utf8',
  });
  return run.status === 0 ? undefined : `naga: ${run.stderr.trim()}`;
}

/** The same of glslang and the HLSL that naga has made. */
function compileHlsl({ entryPoint }: Pipeline, stem: string): string | undefined {
  const run = spawnSync(
    'glslangValidator',
    ['-D', '--stdin', '-S', 'comp', '-e', entryPoint, '-V', '--target-env', 'vulkan1.2', '-o', `${stem}.spv`],
    { encoding: 'utf8', input: withoutArrayZeros(readFileSync(`${stem}.hlsl`, 'utf8')) },
  );
  return run.status === 0 ? undefined : `glslang: ${run.stdout.trim()}`;
}

/**
 * HLSL makes an array of zeros by a cast, `(float2[16])0`, which glslang does not know: values are left out.
 */
function withoutArrayZeros(code: string): string {
  return code
    .replaceAll(/ = \(\w+(?:\[\d+\])+\)0;/g, ';')
    .replaceAll(/return \((\w+)((?:\[\d+\])+)\)0;/g, '$1 zeros$2; return zeros;');
}

function unusedShaders(root: string, pipelines: readonly Pipeline[]): string[] {
  const used = new Set(pipelines.map(({ label }) => label.split('.')[0]));
  return readdirSync(join(root, 'src/shaders'))
    .filter((file) => file.endsWith('.wgsl'))
    .map((file) => file.slice(0, -5))
    .filter((name) => !used.has(name));
}
