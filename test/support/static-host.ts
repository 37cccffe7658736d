/**
 * A plain host of static files, as GitHub Pages is one: no headers but the type, the page in a folder below
 * its root.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

export interface StaticHost {
  readonly url: string;
  /** Paths as they were requested, below the page's own. */
  readonly asked: string[];
  /** What is served; a release replaces it. */
  folder: string;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};
const BELOW = '/project/page/';

export async function hostFolder(folder: string): Promise<StaticHost> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const name = pathname === BELOW ? 'index.html' : normalize(pathname.slice(BELOW.length));
    asked.push(name);
    const file = pathname.startsWith(BELOW) && !name.startsWith('.') ? join(host.folder, name) : undefined;
    const bytes = file === undefined ? undefined : await readFile(file).catch(() => undefined);
    if (bytes === undefined) response.writeHead(404).end('not found');
    else response.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'text/plain' }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host: StaticHost = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${BELOW}`,
    asked,
    folder,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return host;
}
