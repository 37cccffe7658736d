/** `locscale-gpu app` as a process, and a client of its requests that is no browser. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerLine } from '../../src/screens/protocol.ts';
import { decodeAnswer } from '../../src/screens/wire.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Answer {
  readonly status: number;
  /** Decoded, if the status is 200. */
  readonly value: unknown;
}

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface StartOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The runtime's own binary, which gets signals: the script of its package does not pass them on. */
  readonly deno?: string;
  /** File that it prints to, instead of a pipe. */
  readonly output?: string;
}

/** Where development packages have brought it. */
export function denoBinary(): string | undefined {
  const packages = join(root, 'node_modules/@deno');
  if (!existsSync(packages)) return undefined;
  return readdirSync(packages)
    .map((name) => join(packages, name, 'deno'))
    .find((path) => existsSync(path));
}

interface RawAnswer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
}

export class RunningApp {
  readonly address: string;
  readonly token: string;
  readonly said: { out: string; err: string };
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, said: { out: string; err: string }) {
    this.child = child;
    this.said = said;
    const [, address, token] = /(http:\/\/127\.0\.0\.1:\d+\/)#token=([0-9a-f]{32})/.exec(said.out) ?? [
      '',
      '',
      '',
    ];
    this.address = address;
    this.token = token;
  }

  /** In `folder`, which is its root. */
  static async start(folder: string, options: StartOptions = {}): Promise<RunningApp> {
    const { args = [], env = {}, deno, output } = options;
    const { SSH_CONNECTION: _, SLURM_SUBMIT_HOST: __, SLURM_JOB_ID: ___, ...own } = process.env;
    const [command, ...first] =
      deno === undefined
        ? [process.execPath, join(root, 'dist/cli.js')]
        : [deno, 'run', '-A', join(root, 'src/cli.ts')];
    const file = output === undefined ? 'pipe' : openSync(output, 'a');
    const child = spawn(command, [...first, 'app', '-np', '2', ...args], {
      cwd: folder,
      env: { ...own, ...env },
      stdio: ['ignore', file, 'pipe'],
    });
    if (typeof file === 'number') closeSync(file);
    // A test that fails may not get to stop it.
    process.once('exit', () => child.kill());
    const said = { out: '', err: '' };
    child.stdout?.on('data', (text) => {
      said.out += text;
    });
    child.stderr?.on('data', (text) => {
      said.err += text;
    });
    while (!said.out.includes('may do so')) {
      if (child.exitCode !== null) throw new Error(`The app has ended: ${said.err}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (output !== undefined) said.out = readFileSync(output, 'utf8');
    }
    return new RunningApp(child, said);
  }

  async ask(name: string, value?: unknown): Promise<Answer> {
    const response = await fetch(`${this.address}api/${name}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(value),
    });
    if (response.status !== 200) return { status: response.status, value: await response.json() };
    const bytes = await response.arrayBuffer();
    return { status: 200, value: name === 'file' ? Buffer.from(bytes) : decodeAnswer(bytes) };
  }

  /** Lines of the stream until one is as wanted. */
  async events(isLast: (line: ServerLine) => boolean): Promise<ServerLine[]> {
    const response = await fetch(`${this.address}api/events`, {
      headers: { Authorization: `Bearer ${this.token}` },
    });
    const lines: ServerLine[] = [];
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += new TextDecoder().decode(chunk);
      const parts = text.split('\n');
      text = parts.pop() as string;
      for (const part of parts) if (part !== '') lines.push(JSON.parse(part) as ServerLine);
      if (lines.some(isLast)) return lines;
    }
    throw new Error('The stream of events has ended.');
  }

  /** With the token, unless the headers say otherwise. */
  raw({ method, path, headers = {}, body = '' }: RawRequest): Promise<RawAnswer> {
    const { port, host } = new URL(this.address);
    const sent = {
      Host: host,
      Authorization: `Bearer ${this.token}`,
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path, method, headers: sent }, (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode, headers: answer.headers });
      });
      asked.on('error', reject).end(body.length > 10_000 ? undefined : body);
    });
  }

  /** Processes that it has started. Linux. */
  children(): number[] {
    const { pid } = this.child;
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return list === '' ? [] : list.split(' ').map(Number);
  }

  /** By Ctrl-C; the exit code. */
  async stop(): Promise<number> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill('SIGINT');
    const [code] = await once(this.child, 'exit');
    return code as number;
  }
}
