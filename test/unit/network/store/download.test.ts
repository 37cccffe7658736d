/** Downloading the archive of EMmerNet from a server that behaves in all kinds of ways. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LocScaleError } from '../../../../src/errors.ts';
import { type DownloadOptions, downloadArchive } from '../../../../src/network/store/index.ts';

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i + (i >> 8)) & 255);
const md5 = createHash('md5').update(content).digest('hex');
const recordPath = '/api/records/8211668';
const filePath = '/records/8211668/files/emmernet.tar.gz';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let folder: string;
/** "GET path [range]", in order. */
let asked: string[];
/** Answers to requests for the file, in order; then the default. */
let answers: Answer[];
let record: unknown;
let notes: string[];

const sendRecord = (response: ServerResponse): void => {
  response.setHeader('content-type', 'application/json');
  response.end(typeof record === 'string' ? record : JSON.stringify(record));
};
const withRange: Answer = ({ headers }, response) => {
  const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
  if (start > 0) {
    response.statusCode = 206;
    response.setHeader('content-range', `bytes ${start}-${content.length - 1}/${content.length}`);
  }
  response.setHeader('content-length', content.length - start);
  response.end(content.subarray(start));
};
/** Sends part of what it announces, then cuts the connection. */
const cutAfter =
  (bytes: number, from = 0): Answer =>
  (_, response) => {
    if (from > 0) {
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${from}-${content.length - 1}/${content.length}`);
    }
    response.setHeader('content-length', content.length - from);
    response.write(content.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 50));
  };
const status =
  (code: number): Answer =>
  (_, response) => {
    response.statusCode = code;
    response.end('no');
  };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-download-'));
  [asked, answers, notes] = [[], [], []];
  record = {
    files: [
      { key: 'readme.txt', size: 3, checksum: 'md5:00' },
      { key: 'emmernet.tar.gz', size: content.length, checksum: `md5:${md5}` },
    ],
    metadata: { license: { id: 'cc-by-4.0' } },
  };
  server = createServer((request, response) => {
    const { url, headers } = request;
    asked.push(`${url}${headers.range === undefined ? '' : ` ${headers.range}`}`);
    if (url === recordPath) sendRecord(response);
    else if (url === filePath) (answers.shift() ?? withRange)(request, response);
    else status(404)(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(folder, { recursive: true });
});

const address = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const download = (change: Partial<DownloadOptions> = {}) =>
  downloadArchive({
    folder,
    address: change.address ?? address(),
    firstWaitMilliseconds: 5,
    onNote: (message) => notes.push(message),
    ...change,
  });
async function refusal(change: Partial<DownloadOptions> = {}): Promise<LocScaleError> {
  const error = await download(change).then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LocScaleError);
  expect((error as LocScaleError).hint).toContain('with a browser, on any machine');
  expect((error as LocScaleError).hint).toContain('locscale-gpu models import emmernet.tar.gz');
  return error as LocScaleError;
}
/** Where the unfinished file is. */
const place = (): string => join(folder, `.download-${md5.slice(0, 12)}`);
const requestsOfFile = (): string[] => asked.filter((url) => url !== recordPath);

it('fetches the file that the record names, with progress, and checks it', async () => {
  const progress: [number, number][] = [];
  const { path, remove, ...rest } = await download({ onProgress: (...p) => progress.push(p) });
  expect(rest).toEqual({ bytes: content.length, checksum: `md5:${md5}`, licence: 'cc-by-4.0' });
  expect(new Uint8Array(readFileSync(path))).toEqual(content);
  expect(progress.at(-1)).toEqual([content.length, content.length]);
  expect(asked).toEqual([recordPath, filePath]);
  expect(notes).toEqual([]);
  await remove();
  expect(readdirSync(folder)).toEqual([]);
});

it('resumes where the connection was cut, in this run', async () => {
  answers = [cutAfter(100_000), cutAfter(50_000, 100_000)];
  const { path } = await download();
  expect(new Uint8Array(readFileSync(path))).toEqual(content);
  expect(requestsOfFile()).toEqual([filePath, `${filePath} bytes=100000-`, `${filePath} bytes=150000-`]);
  expect(notes).toHaveLength(2);
});

it('resumes where an earlier run stopped', async () => {
  answers = [cutAfter(120_000), status(404)];
  await refusal();
  expect(readdirSync(folder)).toEqual([basename(place())]);
  const { path } = await download();
  expect(requestsOfFile().at(-1)).toBe(`${filePath} bytes=120000-`);
  expect(new Uint8Array(readFileSync(path))).toEqual(content);
  // Complete already: nothing is asked for again.
  await download();
  expect(requestsOfFile()).toHaveLength(3);
});

it('starts again with a server that does not know ranges', async () => {
  const ignoresRange: Answer = (_, response) => response.end(content);
  answers = [cutAfter(100_000), ignoresRange];
  const { path } = await download();
  expect(new Uint8Array(readFileSync(path))).toEqual(content);
  expect(requestsOfFile()).toEqual([filePath, `${filePath} bytes=100000-`]);
});

it('gives up on a server that cuts at the same place without ranges', async () => {
  answers = Array.from({ length: 20 }, () => cutAfter(100_000));
  expect((await refusal()).message).toMatch(/download failed/);
  expect(requestsOfFile().length).toBeLessThan(8);
});

it('a wrong checksum is an error, and the file goes', async () => {
  const other = new Uint8Array(content).fill(7, 1000, 1010);
  answers = [(_, response) => response.end(other)];
  const error = await refusal();
  expect(error.message).toContain('does not have the checksum');
  expect(error.expected).toBe(`md5 ${md5}`);
  expect(readdirSync(place())).toEqual([]);
});

it('a wrong checksum after resuming starts again once', async () => {
  mkdirSync(place());
  writeFileSync(join(place(), 'emmernet.tar.gz'), new Uint8Array(5000));
  const { path } = await download();
  expect(requestsOfFile()).toEqual([`${filePath} bytes=5000-`, filePath]);
  expect(new Uint8Array(readFileSync(path))).toEqual(content);
  expect(notes.join()).toContain('downloading from the start');
});

it('404 is final, 503 is tried again, 416 starts again', async () => {
  answers = [status(404)];
  expect((await refusal()).message).toContain('HTTP status 404');
  expect(requestsOfFile()).toHaveLength(1);
  answers = [status(503), status(503)];
  await download();
  expect(requestsOfFile()).toHaveLength(4);
  rmSync(place(), { recursive: true });
  answers = [cutAfter(1000), status(416)];
  const { path } = await download();
  expect(new Uint8Array(readFileSync(path))).toEqual(content);
});

it('a server that sends more than the record states, or another part, is refused', async () => {
  answers = Array.from({ length: 9 }, (): Answer => (_, response) => response.end(new Uint8Array(400_000)));
  expect((await refusal()).message).toContain('sends more than the 300000 bytes');
  answers = [cutAfter(1000), ...Array.from({ length: 9 }, () => cutAfter(10, 999))];
  expect((await refusal()).message).toContain('another part');
});

it('a connection on which nothing arrives is given up', async () => {
  answers = Array.from(
    { length: 9 },
    (): Answer => (_, response) => void response.write(content.subarray(0, 10)),
  );
  expect((await refusal({ stallMilliseconds: 100 })).message).toContain('the server stopped sending');
});

it('is stopped by the signal', async () => {
  const stop = new AbortController();
  answers = [
    (_, response) => {
      response.write(content.subarray(0, 1000));
      setTimeout(() => stop.abort(), 50);
    },
  ];
  await expect(download({ signal: stop.signal })).rejects.toMatchObject({ tag: 'aborted' });
});

it.each<[string, unknown, string]>([
  ['no JSON', '<html>', 'is not a record of Zenodo'],
  ['null', 'null', 'is not a record of Zenodo'],
  ['no such file', { files: [] }, 'lists no emmernet.tar.gz'],
  ['no files', {}, 'lists no emmernet.tar.gz'],
  ['no checksum', { files: [{ key: 'emmernet.tar.gz', size: 5 }] }, 'states no checksum'],
  [
    'a size of nothing',
    { files: [{ key: 'emmernet.tar.gz', size: 0, checksum: `md5:${md5}` }] },
    'no sensible size',
  ],
  [
    'a huge size',
    { files: [{ key: 'emmernet.tar.gz', size: 1e15, checksum: `md5:${md5}` }] },
    'no sensible size',
  ],
])('a record with %s is refused', async (_, value, message) => {
  record = value;
  expect((await refusal()).message).toContain(message);
  expect(requestsOfFile()).toEqual([]);
});

it('without a network it says what to do', async () => {
  // Where a server was and is no more.
  const closed = address();
  await new Promise((done) => server.close(done));
  const error = await refusal({ address: closed });
  expect(error.message).toContain('the server cannot be reached');
  expect(error.hint).toContain('https://zenodo.org/records/8211668/files/emmernet.tar.gz');
  expect(readdirSync(folder)).toEqual([]);
});
