/** `locscale-gpu app` over HTTP: runs are those of the command line, and nothing else can be reached. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/math/statistics/random.ts';
import type { Failure, Listing, Plan, RunSummary, ServerLine } from '../../src/screens/protocol.ts';
import { relativeL2 } from '../support/compare.ts';
import { isLong, itLong } from '../support/required.ts';
import { denoBinary, RunningApp } from '../support/running-app.ts';
import { gpuEntryOptions, gpuEnvironment, softwareGpuFiles } from '../support/software-gpu.ts';
import { randomWeights, writePytorch } from '../support/weight-files.ts';
import { oneCube, runCommand, Workspace } from './run-cli.ts';

const isOutcome = (line: ServerLine): boolean => 'summary' in line || 'failure' in line;

/** Malformed ones. docs/app.md has the campaign. */
const REQUESTS = Number(process.env.LOCSCALE_REQUESTS ?? (isLong ? 10_000 : 500));

describe('the command app', () => {
  const work = new Workspace();
  const outside = new Workspace();
  let app: RunningApp;

  beforeAll(async () => {
    for (const [seed, name] of ['half1.mrc', 'half2.mrc'].entries()) work.map(name, seed + 1);
    for (const [seed, name] of ['large1.mrc', 'large2.mrc'].entries()) {
      const values = Float32Array.from(
        { length: 96 ** 3 },
        (_, i) => Math.sin(i * (seed + 1)) + (i % 97) / 97,
      );
      work.map(name, 1, { extents: [96, 96, 96], voxelSize: 1, values });
    }
    work.bytes('broken.mrc', 'no map');
    work.bytes('notes.txt', 'not listed');
    work.bytes('weights.pt', writePytorch(randomWeights(5)));
    mkdirSync(work.path('results'));
    outside.map('secret.mrc');
    symlinkSync(outside.folder, work.path('way-out'));
    symlinkSync(outside.path('secret.mrc'), work.path('linked.mrc'));
    symlinkSync(work.path('half1.mrc'), work.path('again.mrc'));
    app = await RunningApp.start(work.folder);
  });
  afterAll(async () => {
    await app.stop();
    work.remove();
    outside.remove();
  });

  const job = (output: string, change: Record<string, unknown> = {}) => ({
    files: { half1: { path: 'half1.mrc' }, half2: { path: 'half2.mrc' } },
    settings: { engine: 'cpu', bFactors: true },
    reference: 'profile',
    scheme: 'soft',
    output,
    ...change,
  });
  const ended = async (): Promise<ServerLine> => (await app.events(isOutcome)).find(isOutcome) as ServerLine;

  it('lists maps, models, networks and folders below its root, without links that leave it', async () => {
    const { value } = await app.ask('list', '');
    const { folders, files, more } = value as Listing;
    expect(folders).toEqual(['results']);
    expect(files.map(({ name }) => name)).toEqual([
      'again.mrc',
      'broken.mrc',
      'half1.mrc',
      'half2.mrc',
      'large1.mrc',
      'large2.mrc',
      'weights.pt',
    ]);
    expect(more).toBe(0);
  });

  it('reads headers, and says of bad files what the command line says', async () => {
    expect((await app.ask('inspect', { path: 'half1.mrc' })).value).toMatchObject({
      kind: 'map',
      shape: [20, 20, 20],
    });
    const { status, value } = await app.ask('inspect', { path: 'broken.mrc' });
    const { stderr } = await runCommand(work.folder, ['-em', 'broken.mrc', '-res', '8', '--engine', 'cpu']);
    expect(status).toBe(422);
    expect(stderr).toContain(`error: ${(value as Failure).message.split(' (')[0]}`);
    expect((await app.ask('inspect', { path: 'missing.mrc' })).status).toBe(422);
    const network = await app.ask('inspect', { path: 'weights.pt' });
    expect([network.status, (network.value as Failure).message]).toEqual([
      422,
      expect.stringMatching(/^weights\.pt does not hold EMmerNet: /),
    ]);
  });

  it.each([
    'way-out/secret.mrc',
    'linked.mrc',
    '../secret.mrc',
    'results/../../secret.mrc',
    outside.path('secret.mrc'),
    'way-out/not-there.mrc',
    '',
  ])('reads nothing outside its root: %s', async (path) => {
    const { status, value } = await app.ask('inspect', { path });
    // The root itself is a folder.
    expect(status).toBe(path === '' ? 422 : 403);
    expect(JSON.stringify(value)).not.toContain(outside.folder);
  });

  it.each(['../out.mrc', 'way-out/out.mrc', '/tmp/out.mrc', 'linked.mrc'])(
    'writes nothing outside its root: %s',
    async (output) => {
      expect((await app.ask('run', job(output))).status).toBe(403);
      expect(outside.list()).toEqual(['secret.mrc']);
    },
  );

  it('plans: what will be replaced, and what would overwrite an input', async () => {
    const { mode, shape } = (await app.ask('plan', job('results/out.mrc'))).value as Plan;
    expect([mode, shape]).toEqual(['soft bands, scaled to an average protein', [20, 20, 20]]);
    const over = await app.ask('plan', job('half2.mrc'));
    expect(over).toMatchObject({ status: 422, value: { tag: 'bad-output' } });
  });

  it('writes what the command line writes, and shows it', async () => {
    const { status, value } = await app.ask('run', job('results/out.mrc'));
    expect(status).toBe(200);
    const lines = await app.events(isOutcome);
    const { summary } = lines.find(isOutcome) as { readonly summary: RunSummary };
    expect(lines[0]).toMatchObject({ run: { id: value, request: { output: 'results/out.mrc' } } });
    expect(lines.some((line) => 'event' in line && line.event.kind === 'step')).toBe(true);
    expect(summary.files[0].name).toBe('out.mrc');
    expect(summary.parts.map(({ id }) => id)).toContain('fsc');

    const record = JSON.parse(readFileSync(work.path('results/out.json'), 'utf8'));
    const [, ...args] = (record.command as string[]).map((word) =>
      word.replace('results/out.mrc', 'same.mrc'),
    );
    expect(args.slice(0, 3)).toEqual(['-hm', 'half1.mrc', 'half2.mrc']);
    const { code } = await runCommand(work.folder, args);
    expect(code).toBe(0);
    for (const end of ['.mrc', '_bfactor.mrc', '_signal.mrc'])
      expect(readFileSync(work.path(`results/out${end}`)).equals(readFileSync(work.path(`same${end}`)))).toBe(
        true,
      );
    expect((await app.ask('file', 'out.mrc')).value).toEqual(readFileSync(work.path('results/out.mrc')));
    expect((await app.ask('file', 'half1.mrc')).status).toBe(404);

    const sections = (await app.ask('sections', { at: [10, 10, 10], whole: true })).value as {
      sections: { width: number; after: Float32Array }[];
    };
    expect(sections.sections.map(({ width, after }) => [width, after.length])).toEqual(
      Array(3).fill([20, 400]),
    );
    const view = (await app.ask('view')).value as { after: { bytes: Uint8Array }; colours: unknown[] };
    expect(view.after.bytes.length).toBeGreaterThan(1024);
    expect(view.colours).toHaveLength(2);
    const { warnings } = (await app.ask('plan', job('results/out.mrc'))).value as Plan;
    expect(warnings.join()).toContain('out.mrc exists');
  });

  itLong('predicts references by the network of its machine', async () => {
    for (const [seed, name] of ['fine1.mrc', 'fine2.mrc'].entries()) work.map(name, seed + 1, oneCube);
    const files = { half1: { path: 'fine1.mrc' }, half2: { path: 'fine2.mrc' } };
    const network = { files, reference: 'network', scheme: 'windows', settings: { engine: 'cpu' } };
    expect((await app.ask('run', job('network.mrc', network))).status).toBe(200);
    const outcome = await ended();
    expect(outcome).toHaveProperty('summary');
    const args = [
      '-hm',
      'fine1.mrc',
      'fine2.mrc',
      '--reference',
      'network',
      '--engine',
      'cpu',
      '-o',
      'cli.mrc',
    ];
    expect((await runCommand(work.folder, args)).code).toBe(0);
    expect(readFileSync(work.path('network.mrc')).equals(readFileSync(work.path('cli.mrc')))).toBe(true);
  });

  it('has one run at a time, and a cancelled one leaves nothing', async () => {
    const files = { half1: { path: 'large1.mrc' }, half2: { path: 'large2.mrc' } };
    const settings = { engine: 'cpu', localResolution: true };
    const large = job('results/large.mrc', { files, settings });
    expect((await app.ask('run', large)).status).toBe(200);
    expect((await app.ask('run', large)).status).toBe(409);
    await app.events((line) => 'event' in line && line.event.kind === 'step');
    await app.ask('cancel');
    expect(await ended()).toMatchObject({ failure: { tag: 'aborted' } });
    expect(work.list().filter((name) => name.includes('large.') || name.includes('large_'))).toEqual([]);
    expect((await app.ask('run', job('results/out.mrc'))).status).toBe(200);
    expect(await ended()).toHaveProperty('summary');
  });

  it('outlives the process that computes', async () => {
    const files = { half1: { path: 'large1.mrc' }, half2: { path: 'large2.mrc' } };
    await app.ask('run', job('crash.mrc', { files, settings: { engine: 'cpu', localResolution: true } }));
    await app.events((line) => 'event' in line && line.event.kind === 'step');
    for (const pid of app.children()) process.kill(pid, 'SIGKILL');
    expect(await ended()).toMatchObject({
      failure: { message: 'The process that computes has ended (SIGKILL).' },
    });
    expect((await app.ask('run', job('results/out.mrc'))).status).toBe(200);
    expect(await ended()).toHaveProperty('summary');
  });

  it.each([
    ['POST', '/api/list', {}, 'x'.repeat(2 ** 21), 413],
    ['POST', '/api/list', {}, '{', 400],
    ['POST', '/api/constructor', {}, 'null', 404],
    ['POST', '/api/%6cist', {}, 'null', 404],
    ['POST', '/api/list', { Authorization: 'Bearer 0' }, 'null', 401],
    ['POST', '/api/run', { Origin: 'https://evil.example' }, 'null', 403],
    ['POST', '/api/run', { Host: 'evil.example' }, 'null', 403],
    ['POST', '/api/run', { 'Content-Type': 'application/x-www-form-urlencoded' }, 'a=b', 415],
    ['POST', '/api/run', {}, '{"files":{"half1":{"path":7}},"reference":"none","scheme":"soft"}', 422],
    ['POST', '/api/run', {}, '{"files":{},"reference":"__proto__","scheme":"soft","output":"a"}', 422],
    ['GET', '/api/run', {}, '', 405],
    ['DELETE', '/', {}, '', 405],
    ['GET', '/../package.json', {}, '', 404],
    ['GET', '/%2e%2e/package.json', {}, '', 404],
    ['GET', '//etc/passwd', {}, '', 404],
    ['GET', '/service-worker.js', {}, '', 404],
    ['GET', '/', {}, '', 200],
  ] as const)('answers %s %s %o with %#', async (method, path, headers, body, status) => {
    expect((await app.raw({ method, path, headers, body })).status).toBe(status);
  });

  it('allows no other page anything', async () => {
    const { headers } = await app.raw({ method: 'GET', path: '/' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers['content-security-policy']).toBe("frame-ancestors 'none'");
    expect(headers['x-frame-options']).toBe('DENY');
    const { headers: refused } = await app.raw({
      method: 'OPTIONS',
      path: '/api/run',
      headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect(refused['access-control-allow-origin']).toBeUndefined();
  });

  it('is not there for other computers', async () => {
    const outer = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === 'IPv4' && !address.internal);
    if (outer === undefined) return;
    const socket = connect({ host: outer.address, port: Number(new URL(app.address).port) });
    const [error] = await once(socket, 'error');
    expect((error as NodeJS.ErrnoException).code).toBe('ECONNREFUSED');
  });

  it('survives requests that are none', { tags: isLong ? ['long'] : [] }, async () => {
    const random = createRandom(7);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)];
    const bytes = (): string =>
      String.fromCharCode(
        ...Array.from({ length: Math.floor(random.uniform() * 40) }, () => random.uniform() * 256),
      );
    const text = (): string =>
      pick([
        `${pick(['GET', 'POST', 'PUT', bytes()])} /${pick(['', 'api/', 'api/run', 'api/list'])}${bytes()} HTTP/1.1\r\n`,
        bytes(),
        '',
      ]) +
      pick(['Host: localhost\r\n', `Host: ${bytes()}\r\n`, '']) +
      pick([`Authorization: Bearer ${app.token}\r\n`, `Authorization: ${bytes()}\r\n`]) +
      pick([
        'Content-Type: application/json\r\nContent-Length: 20\r\n',
        'Transfer-Encoding: chunked\r\n',
        '',
      ]) +
      pick(['\r\n', '']) +
      bytes();
    const { port } = new URL(app.address);
    for (let i = 0; i < REQUESTS; i++) {
      const socket = connect({ host: '127.0.0.1', port: Number(port) });
      await new Promise<void>((resolve) => {
        socket.on('error', () => resolve()).on('close', () => resolve());
        socket.end(Buffer.from(text(), 'latin1'), () => socket.destroy());
      });
    }
    expect((await app.ask('list', '')).status).toBe(200);
  });

  it('says that a port is taken', async () => {
    const { port } = new URL(app.address);
    const { code, stderr } = await runCommand(work.folder, ['app', '--port', port]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`at port ${port}: another program uses it`)]);
  });

  it('ends with Ctrl-C in the middle of a run, without an error or a file', async () => {
    const other = await RunningApp.start(work.folder);
    const files = { half1: { path: 'large1.mrc' }, half2: { path: 'large2.mrc' } };
    const settings = { engine: 'cpu', localResolution: true };
    await other.ask('run', job('late.mrc', { files, settings }));
    await other.events((line) => 'event' in line && line.event.kind === 'step');
    expect([await other.stop(), other.said.err]).toEqual([0, '']);
    expect(existsSync(work.path('late.mrc'))).toBe(false);
    expect(work.list().filter((name) => name.includes('late'))).toEqual([]);
  });

  const software = softwareGpuFiles();
  const computesOnGpu = async (): Promise<void> => {
    const env = { ...gpuEnvironment(), LOCSCALE_VULKAN_LOADER: gpuEntryOptions().vulkanLoader };
    const other = await RunningApp.start(work.folder, { env });
    try {
      expect((await other.ask('probe')).value).toMatchObject({ gpu: { usable: false } });
      await other.ask('run', job('results/gpu.mrc', { settings: { engine: 'gpu' } }));
      const { summary } = (await other.events(isOutcome)).find(isOutcome) as { readonly summary: RunSummary };
      expect(summary.engine).toMatch(/^GPU/);
      const halves = ['half1.mrc', 'half2.mrc'];
      await runCommand(work.folder, [
        '-hm',
        ...halves,
        '--reference',
        'profile',
        '--engine',
        'cpu',
        '-o',
        'cpu.mrc',
      ]);
      const expected = readFileSync(work.path('cpu.mrc'));
      const voxels = (bytes: Buffer): Float32Array =>
        new Float32Array(bytes.buffer.slice(bytes.byteOffset + 1024));
      const found = voxels(readFileSync(work.path('results/gpu.mrc')));
      expect(relativeL2(found, voxels(expected))).toBeLessThan(5e-6);
    } finally {
      await other.stop();
    }
  };
  itLong('computes on the GPU of its machine', computesOnGpu, !('reason' in software));

  const deno = denoBinary();
  it.runIf(deno !== undefined)('works under Deno', async () => {
    const other = await RunningApp.start(work.folder, { deno });
    expect((await other.ask('run', job('deno.mrc'))).status).toBe(200);
    expect((await other.events(isOutcome)).find(isOutcome)).toHaveProperty('summary');
    const view = (await other.ask('view')).value as { after: { bytes: Uint8Array } };
    expect(view.after.bytes.length).toBeGreaterThan(1024);
    expect([await other.stop(), other.said.err]).toEqual([0, '']);
  });

  it('says how to get to it from elsewhere, and what is wrong with its root', async () => {
    const other = await RunningApp.start(work.folder, { env: { SSH_CONNECTION: 'a 1 b 22' } });
    const { port } = new URL(other.address);
    expect(other.said.out).toMatch(new RegExp(`ssh -L ${port}:127\\.0\\.0\\.1:${port} \\S+@\\S+"`));
    await other.stop();
    const { code, stderr } = await runCommand(work.folder, ['app', '--root', 'nowhere']);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('nowhere cannot be the root folder: it is not there.'),
    ]);
  });

  it('plans with its share of a node, and hides the address in the output of its job', async () => {
    const output = work.path('slurm-7.out');
    writeFileSync(output, '', { mode: 0o644 });
    const env = {
      SLURM_JOB_ID: '7',
      SLURM_SUBMIT_HOST: 'login1',
      SLURM_MEM_PER_NODE: '1024',
      SLURM_CPUS_ON_NODE: '1',
    };
    const other = await RunningApp.start(work.folder, { env, output });
    expect(other.said.out).toContain('("scancel 7" ends it)');
    expect(other.said.out).toMatch(/"ssh -J \S+@login1 -L (\d+):127\.0\.0\.1:\1 \S+@\S+"/);
    if (process.platform !== 'win32') expect(statSync(output).mode & 0o77).toBe(0);
    expect((await other.ask('probe')).value).toMatchObject({ cores: 1, memoryBytes: 2 ** 30 });
    const { limitBytes } = (await other.ask('plan', job('results/out.mrc'))).value as Plan;
    expect(limitBytes).toBe(Math.floor(0.6 * 2 ** 30));
    await other.stop();
    expect(readFileSync(output, 'utf8')).toContain('it is yours alone now');
  });
});
