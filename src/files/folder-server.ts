/**
 * Serves the page, a folder of the package, on this machine only. The headers allow memory shared among
 * threads and forbid requests to other hosts. Only files present at the start are served.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { LocScaleError, named } from '../errors.ts';

/** A running server. */
export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

/** What is served, and how. */
export interface PageServerOptions {
  readonly folder: string;
  /** 0, the default, chooses a free port. */
  readonly port?: number;
  /** False: omits the cross-origin isolation headers, like a simple web host. */
  readonly isolated?: boolean;
  /** For tests: called with each requested path. */
  readonly onRequest?: (path: string) => void;
}

/** Nothing but this machine can connect. */
const LOOPBACK = '127.0.0.1';
/** Accepted Host headers; any other means DNS rebinding by a foreign page. */
const OWN_NAMES = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

/** Cross-origin isolation, required by browsers for memory shared among threads. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * The page needs no copy of itself in the browser while this program serves it, and must leave none behind.
 */
const SERVICE_WORKER = 'service-worker.js';
const SERVED_HTML = '<html data-server="page" ';

/**
 * Serves the files of one folder, without folders below it. Throws 'usage' if the port is taken. Requests
 * under other host names are refused, so that no web site can read through the browser.
 */
export async function servePage(options: PageServerOptions): Promise<PageServer> {
  const { folder, port = 0, isolated = true, onRequest } = options;
  const names = new Set(await readdir(folder));
  names.delete(SERVICE_WORKER);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', `http://${LOOPBACK}`);
    onRequest?.(pathname);
    const name = pathname === '/' ? 'index.html' : pathname.slice(1);
    if (!OWN_NAMES.test(request.headers.host ?? '')) return refuse(response, 403);
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405);
    if (!names.has(name)) return refuse(response, 404);
    const file = await readFile(join(folder, name));
    const bytes = name === 'index.html' ? Buffer.from(file.toString().replace('<html ', SERVED_HTML)) : file;
    response.writeHead(200, {
      'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
      'Content-Length': bytes.length,
      'Cache-Control': 'no-cache',
      'X-Content-Type-Options': 'nosniff',
      'Cross-Origin-Resource-Policy': 'same-origin',
      ...(isolated ? ISOLATION : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => refuse(response, 500));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(port, cause)));
    server.listen(port, LOOPBACK, resolve);
  });
  return {
    url: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Ends a response that cannot be answered. */
function refuse(response: ServerResponse, status: number): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(status).end();
}

/** The error of a port that is taken or forbidden. */
function cannotListen(port: number, cause: NodeJS.ErrnoException): LocScaleError {
  const why = cause.code === 'EADDRINUSE' ? 'another program uses it' : (cause.code ?? cause.message);
  return new LocScaleError('usage', `The page cannot be served at port ${port}: ${why}.`, {
    parameter: 'port',
    hint: `Give another port, or leave ${named('port')} out: a free one is taken.`,
    cause,
  });
}
