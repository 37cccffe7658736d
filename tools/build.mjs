/**
 * Builds dist/: the WASM kernels with AssemblyScript, the TypeScript sources with tsc, the program's
 * chunks (build-program.mjs), then the bundles for browsers (build-web.mjs). Each part is skipped while its inputs are unchanged (hash kept in dist/).
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './build-program.mjs';
import { buildWeb } from './build-web.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const kernelsSource = join(root, 'src/cpu-fallback/kernels/assembly');
const kernelsBinary = join(root, 'src/cpu-fallback/kernels/kernels.wasm');
const dist = join(root, 'dist');

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

function upToDate(stamp, digest, product) {
  return existsSync(product) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
}

async function buildKernels() {
  const digest = hashOf([
    ...filesUnder(kernelsSource),
    join(root, 'package-lock.json'),
    fileURLToPath(import.meta.url),
  ]);
  const stamp = join(dist, '.kernels-hash');
  if (upToDate(stamp, digest, kernelsBinary)) return;
  const { default: asc } = await import('assemblyscript/asc');
  const options = [
    '-O3',
    '--converge',
    '--runtime',
    'stub',
    '--noAssert',
    '--enable',
    'simd',
    '--initialMemory',
    '1',
    '--disableWarning',
    '201',
  ];
  const { error, stderr } = await asc.main([
    join('src/cpu-fallback/kernels/assembly', 'index.ts'),
    '--baseDir',
    root,
    '-o',
    kernelsBinary.slice(root.length + 1),
    ...options,
  ]);
  if (error) throw new Error(`AssemblyScript: ${error.message}\n${stderr.toString()}`);
  mkdirSync(dist, { recursive: true });
  writeFileSync(stamp, digest);
}

function sourceFiles() {
  return filesUnder(join(root, 'src')).filter((f) => !f.includes(`${sep}assembly${sep}`));
}

async function buildTypeScript() {
  // The page is bundled only.
  const sources = sourceFiles().filter((f) => !f.startsWith(join(root, 'src/web') + sep));
  const configs = [
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
    'tools/build-program.mjs',
  ].map((f) => join(root, f));
  const digest = hashOf([...sources, ...configs, fileURLToPath(import.meta.url)]);
  const stamp = join(dist, '.typescript-hash');
  if (upToDate(stamp, digest, join(dist, 'cli.js'))) return;
  // Everything under src/ that is not TypeScript (shaders, kernels, fonts) lies beside the code that loads
  // it.
  for (const file of sources) {
    // package.json of the repository has the conditions for dist/.
    if (file.endsWith('.ts') || file === join(root, 'src/package.json')) continue;
    const target = join(dist, relative(join(root, 'src'), file));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(file, target);
  }
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const runtime = 'Deno' in globalThis ? ['run', '-A'] : [];
  const run = spawnSync(process.execPath, [...runtime, tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (run.status !== 0) throw new Error('tsc failed: the messages above say where.');
  await buildProgram();
  writeFileSync(stamp, digest);
}

async function buildBundles() {
  const tools = ['tools/build-web.mjs', 'package-lock.json', 'package.json'].map((f) => join(root, f));
  // There only after `npm run web`: the page has other parts then.
  const packages = ['molstar', 'onnxruntime-web']
    .map((name) => join(root, 'tools/web/node_modules', name, 'package.json'))
    .filter(existsSync);
  const digest = hashOf([...sourceFiles(), kernelsBinary, ...tools, ...packages]);
  const stamp = join(dist, '.web-hash');
  if (upToDate(stamp, digest, join(dist, 'bundled/index.js'))) return;
  await buildWeb();
  writeFileSync(stamp, digest);
}

process.chdir(root);
// Packages are made from a clean folder; otherwise running programs keep theirs.
if (process.argv.includes('--clean')) rmSync(dist, { recursive: true, force: true });
try {
  await buildKernels();
  await buildTypeScript();
  await buildBundles();
} catch (error) {
  process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
