/**
 * Bundles what runs in browsers: dist/bundled/, the library that `locscale-gpu/browser` is, and dist/web/,
 * the page. Both are folders that need nothing beside them. The page's names carry hashes of their contents.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const src = join(root, 'src');
const dist = join(root, 'dist');

/** Shaders and kernels, by the ends of their paths (src/platform/embedded.ts). */
function assetFiles() {
  return ['shaders', 'cpu-fallback'].flatMap((folder) =>
    readdirSync(join(src, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(wgsl|wasm)$/.test(name))
      .map((name) => ({ name: name.replaceAll('\\', '/'), path: join(src, folder, name) })),
  );
}

/**
 * A module that puts the assets and the thread's script in place before `file` runs. `sessions`: what a
 * network needs, by names of the folder.
 */
function embeddingEntry(file, threadCode, { exported = false, sessions = null } = {}) {
  const files = assetFiles();
  const shaders = files.filter(({ name }) => name.endsWith('.wgsl'));
  const kernels = files.filter(({ name }) => name.endsWith('.wasm'));
  const modules = {
    'embedded:shaders': `export default ${JSON.stringify(
      Object.fromEntries(shaders.map(({ name, path }) => [name, readFileSync(path, 'utf8')])),
    )};`,
    'embedded:kernels': `export default ${JSON.stringify(
      Object.fromEntries(kernels.map(({ name, path }) => [name, readFileSync(path).toString('base64')])),
    )};`,
    'embedded:files': `
      import { embedFile, embedThread } from ${JSON.stringify(join(src, 'platform/embedded.ts'))};
      embedThread('worker.js', ${JSON.stringify(threadCode)});
      ${sessions === null ? '' : embeddedSessions(sessions)}
      for (const name of ${JSON.stringify(shaders.map(({ name }) => name))})
        embedFile(name, async () => new TextEncoder().encode((await import('embedded:shaders')).default[name]));
      for (const name of ${JSON.stringify(kernels.map(({ name }) => name))})
        embedFile(name, async () =>
          Uint8Array.from(atob((await import('embedded:kernels')).default[name]), (c) => c.charCodeAt(0)));`,
    'embedded:entry': `import 'embedded:files';
      ${exported ? 'export * from' : 'import'} ${JSON.stringify(file)};`,
  };
  return {
    name: 'embedded',
    resolveId: (id) => (id in modules ? `\0${id}` : null),
    load: (id) => modules[id.slice(1)] ?? null,
  };
}

function embeddedSessions({ worker, keras, runtime }) {
  return `
    import { embedOnnxruntime } from ${JSON.stringify(join(src, 'platform/embedded.ts'))};
    ${worker === undefined ? '' : `embedThread('session-worker.js', new URL(${JSON.stringify(worker)}, import.meta.url));`}
    ${keras === undefined ? '' : `embedThread('keras-worker.js', new URL(${JSON.stringify(keras)}, import.meta.url));`}
    embedOnnxruntime(() => import(new URL(${JSON.stringify(runtime)}, import.meta.url).href));`;
}

/** Installed by `npm ci --prefix tools/web`: what only the view in three dimensions and networks need. */
const webPackages = join(root, 'tools/web/node_modules');

async function bundle({ input, plugins = [], define = {}, output, modules = ['node_modules'] }) {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input,
    plugins,
    platform: 'browser',
    transform: { define },
    resolve: { modules },
    onLog: (level, log) => {
      if (level === 'warn' && log.code !== 'PLUGIN_TIMINGS') throw new Error(log.message);
    },
  });
  const { output: files } = await build.generate({ format: 'esm', minify: true, ...output });
  await build.close();
  return files;
}

function write(folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const file of files) writeFileSync(join(folder, file.fileName), file.code ?? file.source);
}

/** Name, version and licence of every package with code in the chunks, as their licences ask for. */
function licencesOf(chunks) {
  const folders = new Set();
  for (const id of chunks.flatMap((chunk) => chunk.moduleIds ?? [])) {
    const at = id.lastIndexOf(`${sep}node_modules${sep}`);
    if (at < 0) continue;
    const [scope, name] = id.slice(at + 14).split(sep);
    folders.add(join(id.slice(0, at + 14), scope.startsWith('@') ? join(scope, name) : scope));
  }
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? '' : `\n\n${readFileSync(join(folder, file), 'utf8').trim()}`;
    return `${name} ${version} (${license})${text}`;
  });
  const own = readFileSync(join(root, 'LICENSE'), 'utf8').trim();
  return `locscale-gpu\n\n${own}\n\nContains code of:\n\n${texts.join('\n\n----\n\n')}\n`;
}

async function threadCode() {
  const [chunk] = await bundle({
    input: join(src, 'cpu-fallback/worker.ts'),
    output: { codeSplitting: false },
  });
  return chunk.code;
}

async function buildLibrary(thread) {
  const chunks = await bundle({
    input: { index: 'embedded:entry' },
    plugins: [embeddingEntry(join(src, 'browser.ts'), thread, { exported: true })],
    output: { entryFileNames: '[name].js', chunkFileNames: '[name].js' },
  });
  write(join(dist, 'bundled'), [...chunks, { fileName: 'LICENCES.txt', source: licencesOf(chunks) }]);
}

/** A file of the folder whose name has a hash of its content. */
function hashedFile(path, stem, extension) {
  const source = readFileSync(path);
  const hash = createHash('sha256').update(source).digest('base64url').slice(0, 8);
  return { fileName: `${stem}-${hash}${extension}`, source };
}

/** What a reference by a network needs: onnxruntime, the script of its threads, the bundled network. */
async function buildNetworks(output) {
  const folder = join(webPackages, 'onnxruntime-web');
  if (!existsSync(folder)) return { files: [], sessions: null, network: null };
  const wasm = hashedFile(join(folder, 'dist/ort-wasm-simd-threaded.wasm'), 'onnxruntime', '.wasm');
  const bundledFolder = join(src, 'network/bundled');
  const graph = hashedFile(join(bundledFolder, 'reference-network.onnx'), 'reference-network', '.onnx');
  const manifest = hashedFile(join(bundledFolder, 'reference-network.json'), 'reference-network', '.json');
  const [runtime] = await bundle({
    input: { onnxruntime: join(src, 'web/onnxruntime-web.js') },
    modules: [webPackages],
    define: { __ONNXRUNTIME_WASM__: JSON.stringify(`./${wasm.fileName}`) },
    output: { ...output, codeSplitting: false },
  });
  const parts = { runtime: `./${runtime.fileName}` };
  const [worker] = await bundle({
    input: { 'session-worker': 'embedded:entry' },
    plugins: [
      {
        name: 'sessions',
        resolveId: (id) => (id === 'embedded:entry' ? `\0${id}` : null),
        load: (id) =>
          id === '\0embedded:entry'
            ? `${embeddedSessions(parts)}\nimport ${JSON.stringify(join(src, 'network/run/session-worker.ts'))};`
            : null,
      },
    ],
    output: { ...output, codeSplitting: false },
  });
  // With the HDF5 library, for weights of Keras.
  const [keras] = await bundle({
    input: { 'keras-worker': join(src, 'network/store/keras-worker.ts') },
    output: { ...output, codeSplitting: false },
  });
  return {
    files: [wasm, graph, manifest, runtime, worker, keras],
    sessions: { ...parts, worker: `./${worker.fileName}`, keras: `./${keras.fileName}` },
    network: {
      manifest: `./${manifest.fileName}`,
      graph: `./${graph.fileName}`,
      runtimeBytes: wasm.source.length + runtime.code.length,
      graphBytes: graph.source.length,
    },
  };
}

async function buildPage(thread) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const output = { entryFileNames: '[name]-[hash].js', chunkFileNames: '[name]-[hash].js' };
  const networks = await buildNetworks(output);
  const define = { __VERSION__: JSON.stringify(version), __NETWORK__: JSON.stringify(networks.network) };
  const worker = await bundle({
    input: { 'run-worker': 'embedded:entry' },
    plugins: [embeddingEntry(join(src, 'web/run-worker.ts'), thread, { sessions: networks.sessions })],
    define,
    output,
  });
  const workerName = worker.find(({ isEntry }) => isEntry).fileName;
  const view = existsSync(join(webPackages, 'molstar'))
    ? await bundle({ input: join(src, 'web/molstar-view.js'), modules: [webPackages], output })
    : [];
  const viewName = view.length === 0 ? '' : `./${view[0].fileName}`;
  const page = await bundle({
    input: { page: join(src, 'web/page.ts') },
    define: {
      ...define,
      __RUN_WORKER__: JSON.stringify(`./${workerName}`),
      __MOLSTAR__: JSON.stringify(viewName),
    },
    output,
  });
  const script = page.find(({ isEntry }) => isEntry).fileName;
  const { styleVariables } = await import(pathToFileURL(join(dist, 'report/palette.js')).href);
  const style = readFileSync(join(src, 'web/style.css'), 'utf8')
    .replace('/* light colours */', () => styleVariables('light'))
    .replace('/* dark colours */', () => styleVariables('dark'));
  const html = readFileSync(join(src, 'web/index.html'), 'utf8')
    .replace('/* style */', () => style)
    .replace('page.js', script);
  const chunks = [...worker, ...page, ...view, ...networks.files];
  write(join(dist, 'web'), [
    ...chunks,
    { fileName: 'index.html', source: html },
    { fileName: 'LICENCES.txt', source: licencesOf(chunks) },
    ...['icon.svg', 'manifest.webmanifest'].map((name) => ({
      fileName: name,
      source: readFileSync(join(src, 'web', name)),
    })),
  ]);
  const later = networks.files.map(({ fileName }) => fileName);
  await addServiceWorker(join(dist, 'web'), later);
}

/**
 * Its script, which has the name and hash of every other file of the folder. `later`: those that it stores
 * once they are used.
 */
export async function addServiceWorker(folder, later = laterIn(folder)) {
  const name = 'service-worker.js';
  const hash = (bytes) => createHash('sha256').update(bytes).digest('base64');
  const files = readdirSync(folder)
    .filter((file) => file !== name)
    .sort()
    .map((file) => [file, `sha256-${hash(readFileSync(join(folder, file)))}`, later.includes(file)]);
  const [chunk] = await bundle({
    input: join(src, 'web/service-worker.ts'),
    define: { __FILES__: JSON.stringify(files), __BUILD__: JSON.stringify(hash(JSON.stringify(files))) },
    output: { codeSplitting: false },
  });
  write(folder, [{ fileName: name, source: chunk.code }]);
}

/** Of a folder that is built: the files of networks. */
export function laterIn(folder) {
  return readdirSync(folder).filter((name) =>
    /^(onnxruntime|session-worker|keras-worker|reference-network)-/.test(name),
  );
}

/** Bytes, as they are and with gzip, of everything in the folder. */
export function sizesOf(folder) {
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(folder, name));
      return { name, bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
    });
}

export async function buildWeb() {
  for (const name of ['bundled', 'web']) rmSync(join(dist, name), { recursive: true, force: true });
  const thread = await threadCode();
  await buildLibrary(thread);
  if (existsSync(join(src, 'web/page.ts'))) await buildPage(thread);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildWeb();
  for (const folder of ['bundled', 'web']) {
    if (!existsSync(join(dist, folder))) continue;
    process.stdout.write(`dist/${folder}\n`);
    for (const { name, bytes, gzip } of sizesOf(join(dist, folder)))
      process.stdout.write(`  ${String(bytes).padStart(9)} ${String(gzip).padStart(9)} gz  ${name}\n`);
  }
}
