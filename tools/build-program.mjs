/**
 * Bundles the program and its threads into dist/chunks/: a run loads a few dozen files instead of some three hundred
 * modules, one after the other. The modules themselves stay in dist/ for the library. Files beside a module (shaders,
 * kernels, threads) are found from where the module lies in dist/.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
/** Programs and threads: each loads its chunk, and is found where tsc has put it. */
const ENTRIES = ['cli', 'cli-relion', 'files/map-worker', 'cpu-fallback/worker'];

/** `import.meta.url` of every module is that of its place in dist/, whatever chunk it is put into. */
const placed = {
  name: 'placed',
  transform(code, id) {
    if (!id.startsWith(dist + sep) || !code.includes('import.meta.url')) return null;
    const path = relative(dist, id).split(sep).join('/');
    return code.replaceAll('import.meta.url', `new URL('../${path}', import.meta.url).href`);
  },
};

/** Name of an entry's chunk. */
const chunkOf = (entry) => entry.replaceAll('/', '-');

/** Throws for what the installed package would not find. */
function checkImports(chunks) {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const installed = { ...dependencies, ...optionalDependencies };
  const own = new Set(chunks.map(({ fileName }) => fileName));
  for (const id of chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])) {
    const [scope, name] = id.split('/');
    const found = scope.startsWith('@') ? `${scope}/${name}` : scope;
    if (!own.has(id) && !id.startsWith('node:') && !Object.hasOwn(installed, found))
      throw new Error(`The program imports ${id}, which is no dependency of the package.`);
  }
}

/** Replaces the entries that tsc has written; their modules stay as they are. */
export async function buildProgram() {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: Object.fromEntries(ENTRIES.map((entry) => [chunkOf(entry), join(dist, `${entry}.js`)])),
    plugins: [placed],
    platform: 'node',
    // Packages stay where they are installed; helpers of the bundler are not among them.
    external: (id) => !/^([.#\0]|@oxc-project\/)/.test(id) && !id.startsWith(root),
    resolve: { alias: { '#platform': join(dist, 'platform/node.js') } },
    onLog: (level, log) => {
      if (level === 'warn' && log.code !== 'PLUGIN_TIMINGS') throw new Error(log.message);
    },
  });
  const { output } = await build.generate({
    format: 'esm',
    comments: false,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  });
  await build.close();
  checkImports(output);
  const chunks = join(dist, 'chunks');
  rmSync(chunks, { recursive: true, force: true });
  mkdirSync(chunks, { recursive: true });
  for (const { fileName, code } of output) writeFileSync(join(chunks, fileName), code);
  for (const entry of ENTRIES) {
    const up = '../'.repeat(entry.split('/').length - 1) || './';
    const start = entry.startsWith('cli') ? '#!/usr/bin/env node\n' : '';
    writeFileSync(join(dist, `${entry}.js`), `${start}import '${up}chunks/${chunkOf(entry)}.js';\n`);
  }
}
