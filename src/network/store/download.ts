/**
 * Downloads EMmerNet's archive from its Zenodo record, on explicit request only; this program fetches nothing
 * else. Size and checksum come from the record. An interrupted download is resumed by a range request and
 * verified by the checksum.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LocScaleError } from '../../errors.ts';
import { printable } from '../../formats/printable.ts';
import { throwIfStopped } from './read-weights.ts';

/** Where EMmerNet was published. */
export const ZENODO = 'https://zenodo.org';
const RECORD = '8211668';
const ARCHIVE = 'emmernet.tar.gz';
const MOST_BYTES = 2 ** 32;
const MOST_RECORD_BYTES = 2 ** 22;
/** Gives up after this many consecutive failures without a byte received. */
const MOST_FAILURES = 4;
const FIRST_WAIT_MILLISECONDS = 1000;
/** A connection is considered dead if no byte arrives for this long. */
const STALL_MILLISECONDS = 60_000;

/** How to download. */
export interface DownloadOptions {
  /** Folder of the incomplete file between attempts. */
  readonly folder: string;
  /** A mirror with the paths of Zenodo; default zenodo.org. */
  readonly address?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onNote?: (message: string) => void;
  /** Shorter in tests. */
  readonly firstWaitMilliseconds?: number;
  readonly stallMilliseconds?: number;
}

/** A verified file. */
export interface Download {
  readonly path: string;
  readonly bytes: number;
  /** "md5:..." from the record, verified. */
  readonly checksum: string;
  /** Size from the record, in bytes. */
  readonly licence?: string;
  /** Removes it from disk. */
  readonly remove: () => Promise<void>;
}

/** The file as the record states it. */
interface RecordFile {
  readonly address: string;
  readonly bytes: number;
  readonly algorithm: 'md5' | 'sha256';
  readonly digest: string;
  readonly licence?: string;
}

/** Downloads the archive, or the missing part. The caller removes it after use. */
export async function downloadArchive(options: DownloadOptions): Promise<Download> {
  const { folder, address = ZENODO, onNote } = options;
  const base = address.replace(/\/+$/, '');
  const file = await readRecord(base, options);
  // With the checksum in its name, a partial file is never resumed with bytes of another version.
  const place = join(folder, `.download-${file.digest.slice(0, 12)}`);
  await mkdir(place, { recursive: true });
  const path = join(place, ARCHIVE);
  for (let attempt = 1; ; attempt++) {
    const resumed = await fetchMissing(file, path, base, options);
    const found = await digestOf(path, file.algorithm, options.signal);
    if (found === file.digest) break;
    await rm(path, { force: true });
    if (resumed && attempt === 1) {
      onNote?.('The checksum of the continued download is wrong: downloading from the start.');
      continue;
    }
    throw failed(base, `${file.address} does not have the checksum that its record states`, {
      expected: `${file.algorithm} ${file.digest}`,
      found,
    });
  }
  const { bytes, algorithm, digest, licence } = file;
  return {
    path,
    bytes,
    checksum: `${algorithm}:${digest}`,
    licence,
    remove: () => rm(place, { recursive: true, force: true }),
  };
}

/** The error of a failed download. */
function failed(
  base: string,
  what: string,
  details: { expected?: string; found?: string; cause?: unknown } = {},
): LocScaleError {
  return new LocScaleError('bad-input', `The download failed: ${what}.`, {
    where: base,
    hint:
      'Run the command again (it resumes where it stopped), or download ' +
      `${ZENODO}/records/${RECORD}/files/${ARCHIVE} with a browser, on any machine, copy it here and run ` +
      `"locscale-gpu models import ${ARCHIVE}".`,
    ...details,
  });
}

/** Name, size and checksum of the archive, as https://developers.zenodo.org describes a record. */
async function readRecord(base: string, options: DownloadOptions): Promise<RecordFile> {
  const address = `${base}/api/records/${RECORD}`;
  const wrong = (what: string): LocScaleError => failed(base, `${address} ${what}`);
  const text = await withRetries(base, options, async (attempt) => {
    const response = await attempt.fetch(address, { accept: 'application/json' });
    if (response.status !== 200) throw new HttpFailure(address, response.status);
    return readText(response, attempt);
  });
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    throw wrong('is not a record of Zenodo');
  }
  if (typeof record !== 'object' || record === null) throw wrong('is not a record of Zenodo');
  const { files, metadata } = record as { files?: unknown; metadata?: { license?: { id?: unknown } } };
  const entry = (Array.isArray(files) ? files : []).find(
    (file: { key?: unknown } | null) => file?.key === ARCHIVE,
  ) as { size?: unknown; checksum?: unknown } | undefined;
  if (entry === undefined) throw wrong(`lists no ${ARCHIVE}`);
  const { size, checksum } = entry;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size <= 0 || size > MOST_BYTES)
    throw wrong('states no sensible size');
  const [, algorithm, digest] = /^(md5|sha256):([0-9a-f]{32,64})$/.exec(String(checksum)) ?? [];
  if (algorithm === undefined || digest === undefined) throw wrong('states no checksum');
  const licence = metadata?.license?.id;
  return {
    address: `${base}/records/${RECORD}/files/${ARCHIVE}`,
    bytes: size,
    algorithm: algorithm as RecordFile['algorithm'],
    digest,
    licence: typeof licence === 'string' ? printable(licence) : undefined,
  };
}

/** Text of a response, at most as long as a record. */
async function readText(response: Response, attempt: Attempt): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    attempt.alive();
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > MOST_RECORD_BYTES) throw new Error('the answer is too long for a record');
  }
  return text;
}

/** Appends to `path` until it is complete. Returns whether it resumed an earlier part. */
async function fetchMissing(
  file: RecordFile,
  path: string,
  base: string,
  options: DownloadOptions,
): Promise<boolean> {
  const { onProgress } = options;
  let resumed = false;
  let furthest = 0;
  await withRetries(base, options, async (attempt) => {
    let have = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (have > file.bytes) have = 0;
    if (have === file.bytes) return;
    const response = await attempt.fetch(file.address, have > 0 ? { range: `bytes=${have}-` } : {});
    const { status } = response;
    if (status === 206 && !continuesAt(response, have, file.bytes))
      throw new Error('the server sends another part than requested');
    // 416: the server's file is shorter; 200: it does not support ranges and sends all of it.
    if (status === 416) await rm(path, { force: true });
    if (status !== 200 && status !== 206) throw new HttpFailure(file.address, status);
    if (status === 200) have = 0;
    if (have > 0) resumed = true;
    const out = await open(path, have > 0 ? 'a' : 'w');
    try {
      for await (const piece of response.body ?? []) {
        const chunk = piece as Uint8Array;
        throwIfStopped(options.signal);
        attempt.alive();
        if (have + chunk.length > file.bytes) {
          await out.truncate(0);
          throw new Error(`the server sends more than the ${file.bytes} bytes of the record`);
        }
        await out.appendFile(chunk);
        have += chunk.length;
        // A server without ranges starts over each time: only new bytes count as progress.
        if (have > furthest) attempt.succeeds();
        furthest = Math.max(furthest, have);
        onProgress?.(have, file.bytes);
      }
    } finally {
      await out.close();
    }
    if (have < file.bytes) throw new Error(`the connection ended after ${have} of ${file.bytes} bytes`);
  });
  return resumed;
}

/** "bytes 1000-84999999/85000000" */
function continuesAt(response: Response, start: number, total: number): boolean {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  return range !== null && Number(range[1]) === start && (range[2] === '*' || Number(range[2]) === total);
}

/** An HTTP status that is no success. */
class HttpFailure extends Error {
  /** Worth retrying: too many requests, or a server error. */
  readonly passing: boolean;

  constructor(address: string, status: number) {
    super(`${address} answers with HTTP status ${status}`);
    this.passing = status === 416 || status === 429 || status >= 500;
  }
}

/** One try of a download, which may be repeated. */
interface Attempt {
  readonly fetch: (address: string, headers: Record<string, string>) => Promise<Response>;
  /** To be called for each chunk received. */
  readonly alive: () => void;
  /** Resets the count of failures. */
  readonly succeeds: () => void;
}

/** Retries `body` after transient failures with increasing delays, as long as data arrives. */
async function withRetries<T>(
  base: string,
  options: DownloadOptions,
  body: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const { signal, onNote, stallMilliseconds = STALL_MILLISECONDS } = options;
  const firstWait = options.firstWaitMilliseconds ?? FIRST_WAIT_MILLISECONDS;
  let failures = 0;
  for (;;) {
    throwIfStopped(signal);
    const stop = new AbortController();
    const onAbort = (): void => stop.abort();
    signal?.addEventListener('abort', onAbort);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), stallMilliseconds);
    };
    const attempt: Attempt = {
      fetch: (address, headers) => {
        watch();
        return fetch(address, { headers, signal: stop.signal, redirect: 'follow' }).catch((error) => {
          throw new Error(`the server cannot be reached (${reasonOf(error)})`);
        });
      },
      alive: watch,
      succeeds: () => {
        failures = 0;
      },
    };
    try {
      return await body(attempt);
    } catch (cause) {
      throwIfStopped(signal);
      if (cause instanceof LocScaleError) throw cause;
      const diskCode = (cause as { code?: unknown } | null)?.code;
      if (typeof diskCode === 'string' && /^E(NOSPC|DQUOT|ACCES|PERM|ROFS)$/.test(diskCode)) throw cause;
      const reason = stop.signal.aborted ? 'the server stopped sending' : reasonOf(cause);
      failures++;
      if ((cause instanceof HttpFailure && !cause.passing) || failures >= MOST_FAILURES)
        throw failed(base, reason, { cause });
      const wait = firstWait * 2 ** (failures - 1);
      onNote?.(`${reason}; next attempt in ${Math.round(wait / 1000)} s.`);
      await pause(wait, signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      stop.abort();
    }
  }
}

/** The innermost reason: Node's `fetch` throws "fetch failed" or "terminated" with the reason as cause. */
function reasonOf(error: unknown): string {
  const inner = (error as { cause?: unknown } | null)?.cause;
  const described = inner instanceof Error ? inner : error;
  const message = described instanceof Error ? described.message : String(described);
  const code = (described as { code?: unknown } | null)?.code;
  return message === '' && typeof code === 'string' ? code : message;
}

/** Ends early when the run is stopped. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });
}

/** Checksum of a file, hexadecimal. */
async function digestOf(
  path: string,
  algorithm: RecordFile['algorithm'],
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    throwIfStopped(signal);
    hash.update(chunk as Uint8Array);
  }
  return hash.digest('hex');
}
