/** The core bundled for a browser, as a consumer's bundler does it, and a server that pages get it from. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { isBuiltin } from 'node:module';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputChunk, rolldown } from 'rolldown';
import { CORE_FOLDERS } from '../../tools/core-folders.mjs';

const src = fileURLToPath(new URL('../../src/', import.meta.url));

export function coreFiles(): string[] {
  return CORE_FOLDERS.flatMap((folder) =>
    readdirSync(join(src, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !/[\\/]assembly[\\/]/.test(name))
      .map((name) => join(src, folder, name)),
  );
}

export interface BrowserBundle {
  readonly chunks: readonly OutputChunk[];
  /** Built-in modules of Node that are asked for: "node:fs, by src/platform/node.ts". */
  readonly builtins: readonly string[];
  /** What the bundler could not resolve, and other warnings. */
  readonly warnings: readonly string[];
}

/** `input`: the name of each chunk and the files whose exports it has. */
export async function bundleForBrowser(
  input: Readonly<Record<string, readonly string[]>>,
): Promise<BrowserBundle> {
  const builtins: string[] = [];
  const warnings: string[] = [];
  const virtual = '\0entry:';
  const build = await rolldown({
    input: Object.fromEntries(Object.keys(input).map((name) => [name, `entry:${name}`])),
    platform: 'browser',
    onLog: (level, log) => {
      // What is loaded on use elsewhere may be an entry here.
      if (level === 'warn' && log.code !== 'PLUGIN_TIMINGS' && log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT')
        warnings.push(log.message);
    },
    plugins: [
      {
        name: 'entries',
        resolveId(id) {
          return id.startsWith('entry:') ? `\0${id}` : null;
        },
        load(id) {
          if (!id.startsWith(virtual)) return null;
          const files = input[id.slice(virtual.length)];
          // Of equal names in several files none would be exported: each file gets its own.
          if (files.length === 1)
            return `export * from ${JSON.stringify(files[0])}; import ${JSON.stringify(files[0])};`;
          return files.map((file, i) => `export * as file${i} from ${JSON.stringify(file)};`).join('\n');
        },
      },
      {
        name: 'builtins',
        resolveId: {
          order: 'pre',
          handler(id, importer) {
            if (isBuiltin(id)) builtins.push(`${id}, by ${importer}`);
            return null;
          },
        },
      },
    ],
  });
  const { output } = await build.generate({
    format: 'esm',
    // Flat: what lies beside the sources is fetched from beside the bundle.
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minify: true,
  });
  await build.close();
  return { chunks: output.filter((file) => file.type === 'chunk'), builtins, warnings };
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.wgsl': 'text/plain',
  '.html': 'text/html',
};

/** Folders whose files that are no TypeScript lie beside the bundle. */
const ASSETS = ['shaders', 'cpu-fallback'];

export interface BundleServer {
  /** With headers for cross-origin isolation, which shared memory needs, and without. */
  readonly isolated: string;
  readonly plain: string;
  close(): Promise<void>;
}

export async function serveBundle({ chunks }: BrowserBundle): Promise<BundleServer> {
  const files = new Map<string, Buffer>(
    chunks.map(({ fileName, code }) => [`/${fileName}`, Buffer.from(code)]),
  );
  files.set('/index.html', Buffer.from('<!doctype html><title>locscale-gpu</title>'));
  for (const folder of ASSETS)
    for (const name of readdirSync(join(src, folder), { recursive: true, encoding: 'utf8' }))
      if (/\.(wasm|wgsl)$/.test(name))
        files.set(`/${name.replaceAll('\\', '/')}`, readFileSync(join(src, folder, name)));

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [, mode, ...rest] = pathname.split('/');
    const path = normalize(`/${rest.join('/')}`);
    const body = files.get(path);
    if (body === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
    if (mode === 'isolated') {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    isolated: `${origin}/isolated/index.html`,
    plain: `${origin}/plain/index.html`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
