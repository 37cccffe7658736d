/**
 * The server of the app: the page, its requests (guard.ts says which), files below the root, one run at a
 * time.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isLocScaleError } from '../errors.ts';
import { listenOnLoopback, openPageFiles, type PageServer } from '../files/folder-server.ts';
import { failureFrom } from '../screens/failure.ts';
import type { Failure, JobRequest, Machine, Plan, RunSummary, ServerFile } from '../screens/protocol.ts';
import { encodeAnswer } from '../screens/wire.ts';
import { type Computer, ComputerFailure } from './computer.ts';
import { isForApi, pathOf, refusalOf } from './guard.ts';
import { type PathJob, readJob, readPath } from './job.ts';
import { OutsideRoot, type RootFolder } from './root-folder.ts';
import { RunLog } from './run-log.ts';

/** What is served, and to whom. */
export interface AppOptions {
  /** Of the built page. */
  readonly pageFolder: string;
  /** All files that requests name must lie in it. */
  readonly root: RootFolder;
  /** Process that computes; requests that need no computation are answered here. */
  readonly computer: Computer;
  /** Required of every request for data. */
  readonly token: string;
  /** 0 or absent: a free one. */
  readonly port?: number;
  /** Of the machine, as the page calls it. */
  readonly host: string;
}

/** The listening server. */
export interface AppServer extends PageServer {
  /** Milliseconds since a request or the end of a run, with no page open and no run under way; else 0. */
  idle(): number;
}

/** Requests are names of files and settings. */
const MOST_BYTES = 2 ** 20;
/** Without them a tunnel that hangs looks like a long step; the page waits for several (server-backend.ts). */
const HEARTBEAT_MILLISECONDS = 5000;

/** No other page may frame, read or guess the answers. */
const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Content-Security-Policy': "frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/** An answer that is a status, with a sentence. */
class Refused extends Error {
  /** HTTP status, 4xx. */
  readonly status: number;
  /** Body of the answer, as the page shows it. */
  readonly failure: Failure;

  constructor(status: number, failure: Failure) {
    super(failure.message);
    this.status = status;
    this.failure = failure;
  }
}

/** Listens on the loopback address only. Throws as listenOnLoopback where the port is taken. */
export async function serveApp(options: AppOptions): Promise<AppServer> {
  const files = await openPageFiles(options.pageFolder, 'app');
  const api = new Api(options);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const refusal = refusalOf(request, options.token);
    if (refusal !== undefined) throw new Refused(refusal.status, { tag: 'usage', message: refusal.message });
    if (isForApi(request)) return api.answer(request, response);
    const file = await files.read(pathOf(request));
    if (file === undefined) throw notThere();
    response.writeHead(200, file.headers);
    response.end(request.method === 'HEAD' ? undefined : file.bytes);
  };
  const server = await listenOnLoopback(options.port ?? 0, (request, response) => {
    answer(request, response).catch((error: unknown) => refuse(response, error));
  });
  return { ...server, idle: () => api.idle() };
}

/** Requests of the page, by their names after /api/. */
class Api {
  /** As given to `serveApp`. */
  private readonly options: AppOptions;
  /** Events of the last run, for pages that come late. */
  private readonly log = new RunLog();
  /** A run is being checked, before it begins. */
  private starting = false;
  /** Cancelled in that time, when there is nothing yet to stop. */
  private cancelled = false;
  /** Folder of the results, below the root. */
  private resultFolder = '';
  /** By performance.now(); of requests, and of runs while they last. */
  private lastUse = performance.now();

  constructor(options: AppOptions) {
    this.options = options;
    options.computer.onEvent = (event) => this.log.add(event);
  }

  /** Milliseconds since the last use. */
  idle(): number {
    if (this.log.isUnderWay || this.log.listening > 0) this.lastUse = performance.now();
    return performance.now() - this.lastUse;
  }

  /** Numbers and arrays as screens/wire.ts has them; errors are thrown, and answered by `refuse`. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.lastUse = performance.now();
    const name = pathOf(request).slice('/api/'.length);
    if (request.method === 'GET') return this.follow(request, response);
    const value = await readBody(request);
    if (name === 'file') return this.sendFile(value, response);
    const answers: Readonly<Record<string, () => Promise<unknown>>> = {
      probe: () => this.probe(),
      inspect: async () => this.compute('inspect', (await this.file(value)).path),
      preview: async () => this.compute('preview', (await this.file(value)).path),
      plan: async () => this.compute('plan', await readJob(value, this.options.root)),
      sections: () => this.compute('sections', value),
      view: () => this.compute('view', undefined),
      run: () => this.run(value),
      cancel: async () => this.cancel(),
      list: () => this.options.root.list(typeof value === 'string' ? value : ''),
    };
    if (!Object.hasOwn(answers, name)) throw notThere();
    const bytes = encodeAnswer(await answers[name]());
    response.writeHead(200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': bytes.length,
      'Cache-Control': 'no-store',
    });
    response.end(bytes);
  }

  /** Passes a request on to the process. */
  private compute(...request: Parameters<Computer['request']>): Promise<unknown> {
    return this.options.computer.request(...request);
  }

  /** Throws OutsideRoot for a file that the page may not name. */
  private file(value: unknown): Promise<ServerFile> {
    return this.options.root.file(readPath(value));
  }

  /** The machine that computes, which may be another than the browser's. */
  private async probe(): Promise<Machine> {
    const { host, root } = this.options;
    const machine = (await this.compute('probe', undefined)) as Machine;
    return { ...machine, server: { host, root: root.path } };
  }

  /** Checks and plans, and answers with the run's number; all else comes with the events. */
  private async run(value: unknown): Promise<number> {
    const busy: Failure = {
      tag: 'usage',
      message: 'Another run is under way.',
      hint: 'Load the page again to see it: it can be waited for or cancelled there.',
    };
    if (this.starting || this.log.isUnderWay) throw new Refused(409, busy);
    this.starting = true;
    this.cancelled = false;
    try {
      const job = await readJob(value, this.options.root);
      const plan = (await this.compute('plan', job)) as Plan;
      const id = this.log.begin({ request: await this.withFiles(job), plan });
      this.resultFolder = posix.dirname(job.output.replaceAll('\\', '/'));
      this.compute('run', job).then(
        (summary) => this.log.end({ summary: summary as RunSummary }),
        (error: unknown) => this.log.end({ failure: failureOf(error) }),
      );
      if (this.cancelled) this.options.computer.cancel();
      return id;
    } finally {
      this.starting = false;
    }
  }

  /** A run that is being checked is stopped as soon as it begins: its page knows it by then. */
  private cancel(): void {
    this.cancelled = this.starting;
    this.options.computer.cancel();
  }

  /** The job with the files that the page knows. */
  private async withFiles(job: PathJob): Promise<JobRequest<ServerFile>> {
    const files = await Promise.all(
      Object.entries(job.files).map(
        async ([role, path]) => [role, await this.options.root.file(path as string)] as const,
      ),
    );
    return { ...job, files: Object.fromEntries(files) };
  }

  /** One JSON text per line. */
  private follow(request: IncomingMessage, response: ServerResponse): void {
    const after = Number(new URLSearchParams((request.url ?? '').split('?')[1]).get('after') ?? 0);
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' });
    const stop = this.log.follow(after, (line) => response.write(`${JSON.stringify(line)}\n`));
    const heartbeat = setInterval(() => response.write('\n'), HEARTBEAT_MILLISECONDS);
    response.on('close', () => {
      clearInterval(heartbeat);
      stop();
    });
  }

  /** An output of the last run, by its name. */
  private async sendFile(value: unknown, response: ServerResponse): Promise<void> {
    const { summary } = this.log;
    const name = summary?.files.find((file) => file.name === value)?.name;
    if (name === undefined) throw notThere();
    const inside = this.resultFolder === '.' ? name : `${this.resultFolder}/${name}`;
    const { path } = await this.options.root.file(inside);
    const whole = `${this.options.root.path}/${path}`;
    const { size } = await stat(whole);
    response.writeHead(200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': size,
      'Cache-Control': 'no-store',
    });
    // The page may stop reading.
    await pipeline(createReadStream(whole), response).catch(() => response.destroy());
  }
}

/** JSON of at most MOST_BYTES; undefined for an empty body. Throws 413 and 400. */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const tooLarge = new Refused(413, { tag: 'usage', message: 'The request is too large.' });
  if (Number(request.headers['content-length'] ?? 0) > MOST_BYTES) throw tooLarge;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BYTES) throw tooLarge;
    chunks.push(chunk);
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refused(400, { tag: 'usage', message: 'The request is not JSON.' });
  }
}

/** Also for names that exist elsewhere: answers do not state what there is. */
function notThere(): Refused {
  return new Refused(404, { tag: 'usage', message: 'This server has nothing of that name.' });
}

/** What went wrong in computing is 422: the request was understood. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status =
    error instanceof Refused
      ? error.status
      : error instanceof OutsideRoot
        ? 403
        : error instanceof ComputerFailure || isLocScaleError(error)
          ? 422
          : 500;
  const text = JSON.stringify(failureOf(error));
  // What is left of a body is not read: the connection ends with the answer.
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    Connection: 'close',
  });
  response.end(text);
}

/** As the page shows it; OutsideRoot without the path. */
function failureOf(error: unknown): Failure {
  if (error instanceof Refused || error instanceof ComputerFailure) return error.failure;
  if (isLocScaleError(error)) return failureFrom(error);
  if (error instanceof OutsideRoot)
    return {
      tag: 'bad-input',
      message: 'That path is not below the root folder of this program.',
      hint: 'Start the program with another --root to reach other folders.',
    };
  return { tag: 'internal', message: error instanceof Error ? error.message : String(error) };
}
