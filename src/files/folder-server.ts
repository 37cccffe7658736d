/**
 * Serves the page, a folder of the package, on this machine only. The headers allow memory shared among
 * threads and forbid requests to other hosts. Only files present at the start are served.
 */
import { readdir, readFile } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
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
const LOOPBACK_6 = '::1';
/** Free ports tried, of which another program may have the other half. */
const MOST_ATTEMPTS = 5;
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
const DOCUMENT = 'index.html';

/** A file of the page, as it is answered. */
interface PageFile {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string | number>>;
}

export interface PageFiles {
  /** By the path of a request, which is looked up as it is; undefined: not of the page. */
  read(path: string): Promise<PageFile | undefined>;
}

/** `server`: the command that serves the page, for the page to know. */
export async function openPageFiles(
  folder: string,
  server: 'page' | 'app',
  isolated = true,
): Promise<PageFiles> {
  const names = new Set(await readdir(folder));
  names.delete(SERVICE_WORKER);
  return {
    async read(path) {
      const name = path === '/' ? DOCUMENT : path.slice(1);
      if (!names.has(name)) return undefined;
      const file = await readFile(join(folder, name));
      const marked = `<html data-server="${server}" `;
      const bytes = name === DOCUMENT ? Buffer.from(file.toString().replace('<html ', marked)) : file;
      const headers = {
        'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
        'Content-Length': bytes.length,
        'Cache-Control': 'no-cache',
        'X-Content-Type-Options': 'nosniff',
        'Cross-Origin-Resource-Policy': 'same-origin',
        ...(isolated ? ISOLATION : {}),
      };
      return { bytes, headers };
    },
  };
}

/** Whether a Host header names this machine. */
export function isOwnName(host: string | undefined): boolean {
  return OWN_NAMES.test(host ?? '');
}

/**
 * Serves the files of one folder, without folders below it. Throws 'usage' if the port is taken. Requests
 * under other host names are refused, so that no web site can read through the browser.
 */
export async function servePage(options: PageServerOptions): Promise<PageServer> {
  const { folder, port = 0, isolated = true, onRequest } = options;
  const files = await openPageFiles(folder, 'page', isolated);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path] = (request.url ?? '/').split('?');
    onRequest?.(path);
    if (!isOwnName(request.headers.host)) return refuse(response, 403);
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405);
    const file = await files.read(path);
    if (file === undefined) return refuse(response, 404);
    response.writeHead(200, file.headers);
    response.end(request.method === 'HEAD' ? undefined : file.bytes);
  };
  return listenOnLoopback(port, (request, response) => {
    answer(request, response).catch(() => refuse(response, 500));
  });
}

/**
 * Serves on 127.0.0.1 and, where the system has it, on ::1: "localhost" may mean either, and a port that
 * another program has on one of them is not taken.
 */
export async function listenOnLoopback(port: number, listener: RequestListener): Promise<PageServer> {
  for (let attempt = 1; ; attempt++) {
    const first = await listen(port, LOOPBACK, listener);
    const { port: taken } = first.address() as AddressInfo;
    try {
      const servers = [first];
      try {
        servers.push(await listen(taken, LOOPBACK_6, listener));
      } catch (error) {
        if ((error as { cause?: NodeJS.ErrnoException }).cause?.code === 'EADDRINUSE') throw error;
      }
      return {
        url: `http://${LOOPBACK}:${taken}/`,
        close: async () => {
          await Promise.all(servers.map(close));
        },
      };
    } catch (error) {
      await close(first);
      if (port !== 0 || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

async function listen(port: number, host: string, listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(port, cause)));
    server.listen(port, host, resolve);
  });
  return server;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });
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
