/** The commands models and setup as a user meets them. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EMMERNET } from '../../src/network/graph/emmernet-layers.ts';
import { installCuda } from '../../src/network/run/install-cuda.ts';
import {
  kerasLayers,
  pickled,
  pytorchArchive,
  randomWeights,
  writeKeras,
  writePytorch,
  writeTarGz,
} from '../support/weight-files.ts';
import { type CliResult, runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

let workspace: Workspace;
let archive: Uint8Array;
let weights: Uint8Array;
beforeAll(async () => {
  weights = writePytorch(randomWeights(6, EMMERNET));
  archive = await writeTarGz([{ name: 'emmernet/EMmerNet_highContext.pt', body: weights }], 0);
});
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.remove());

const sum = (bytes: Uint8Array, kind: string): string => createHash(kind).update(bytes).digest('hex');

describe.each(runtimes)('the command models under %s', (runtime) => {
  const run = (...args: string[]) =>
    runCli(workspace.folder, ['models', ...args], {
      runtime,
      env: { LOCSCALE_MODELS: workspace.path('store') },
    });

  it('imports, lists, verifies, and finds damage', async () => {
    const empty = await run();
    expect([empty.code, empty.stderr]).toEqual([0, '']);
    expect(empty.stdout).toContain('EMmerNet is not imported: "locscale-gpu models download" fetches it.');
    expect((await run('path')).stdout).toBe(`${workspace.path('store')}\n`);
    expect(workspace.list()).toEqual([]);

    workspace.bytes('emmernet_highcontext.pt', weights);
    const imported = await run('import', 'emmernet_highcontext.pt');
    expect([imported.code, imported.stderr]).toEqual([0, '']);
    expect(imported.stdout.split('\n')).toEqual([
      'EMmerNet, high context: 22875161 parameters, from emmernet_highcontext.pt',
      `   SHA-256 ${sum(weights, 'sha256')}`,
      `   Imported: ${workspace.path('store/emmernet-high-context')}`,
      '   Used by default from now on.',
      '',
    ]);
    const listed = await run('list');
    expect(listed.stdout).toMatch(
      /^emmernet-high-context\n {3}EMmerNet, high context: 22\.9 M parameters \(87\.3 MiB\), \d+\.\d GFLOP per cube of 32\n {3}Source: emmernet_highcontext\.pt\n {3}Licence: .+\n {3}Monte-Carlo dropout, no calibration$/m,
    );
    expect(JSON.parse((await run('list', '--json')).stdout).models).toContainEqual(
      expect.objectContaining({
        name: 'emmernet-high-context',
        location: workspace.path('store/emmernet-high-context'),
      }),
    );
    expect((await run('verify', 'emmernet-high-context')).stdout).toBe(
      'emmernet-high-context: all files are as they were imported\n',
    );

    writeFileSync(workspace.path('store/emmernet-high-context/plain.onnx'), 'x');
    const damaged = await run('verify');
    expect(damaged.code).toBe(3);
    expect(damaged.stdout).toMatch(/^emmernet-high-context: The model emmernet-high-context is damaged: /m);
    expect(damaged.stderr).toMatch(/^error: 1 of \d models cannot be used\.\nhint: Import them again/);
  });

  // Under one of them: feature_enhance below downloads under Node.
  const once = runtime === runtimes.at(-1) ? it : () => undefined;
  once('downloads from a server of the paths of Zenodo, and imports', async () => {
    const server = await zenodo(archive);
    try {
      const { code, stdout, stderr } = await run('download', '--from', server.address);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`Downloaded 87.3 MiB, md5:${sum(archive, 'md5')} as the record states.`);
      expect(stdout).toContain('from EMmerNet_highContext.pt in ');
      expect(workspace.list()).toEqual([
        'store',
        'store/emmernet-high-context',
        'store/emmernet-high-context/manifest.json',
        'store/emmernet-high-context/plain.onnx',
      ]);
      const manifest = JSON.parse(
        readFileSync(workspace.path('store/emmernet-high-context/manifest.json'), 'utf8'),
      );
      expect(manifest).toMatchObject({
        licence: 'cc-by-4.0 (Zenodo record 8211668)',
        source: 'EMmerNet_highContext.pt in emmernet.tar.gz',
        sourceSha256: sum(weights, 'sha256'),
      });
    } finally {
      await server.close();
    }
  });
});

/** Runs a command in this process, with a store in the workspace. */
async function runHere(...args: string[]): Promise<CliResult> {
  const before = process.env.LOCSCALE_MODELS;
  process.env.LOCSCALE_MODELS = workspace.path('store');
  try {
    return await runCommand(workspace.folder, args);
  } finally {
    process.env.LOCSCALE_MODELS = before;
  }
}

describe('feature_enhance --download', () => {
  const enhance = (...args: string[]) => runHere('feature_enhance', '--download', ...args);

  it('without maps downloads and ends, and does not download twice', async () => {
    const server = await zenodo(archive);
    try {
      const { code, stdout, stderr } = await enhance('--from', server.address);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain('Used by default from now on.');
      expect(stdout).toMatch(/No map is given: nothing else is done\.\n$/);
    } finally {
      await server.close();
    }
    const again = await enhance('--from', server.address);
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect(again.stdout).toMatch(/^emmernet-high-context is imported already: nothing is downloaded\./);
  });

  it('still needs a map for the rest', async () => {
    const { code, stderr } = await runHere('feature_enhance');
    expect([code, stderr]).toEqual([2, expect.stringContaining('No map is given.')]);
  });
});

describe('the command models', () => {
  const run = (...args: string[]) => runHere('models', ...args);

  it('says what to do without a network, and feature_enhance the same', async () => {
    const server = await zenodo(archive);
    await server.close();
    // Side by side: both wait before they try again.
    const enhance = ['feature_enhance', '--download', '--from', server.address, '--use_low_context_model'];
    const env = { LOCSCALE_MODELS: workspace.path('store') };
    const [{ code, stderr }, enhanced] = await Promise.all([
      run('download', '--from', server.address),
      runCli(workspace.folder, enhance, { env }),
    ]);
    expect([code, enhanced.code]).toEqual([3, 3]);
    expect(stderr).toMatch(/^error: The download failed: the server cannot be reached/m);
    expect(enhanced.stderr).toMatch(/^error: The download failed: the server cannot be reached/m);
    expect(stderr).toMatch(
      /^hint: .*download https:\/\/zenodo\.org\/records\/8211668\/files\/emmernet\.tar\.gz with a browser, .*"locscale-gpu models import emmernet\.tar\.gz"\.$/m,
    );
  });

  it('refuses files that are not the weights of EMmerNet, each in its words, and stores nothing', async () => {
    const evil = pickled.call(pickled.global('os', 'system'), pickled.text('touch owned'));
    const files: [string, Uint8Array | string, RegExp][] = [
      [
        'evil.pt',
        pytorchArchive(pickled.file(pickled.dict([['w', evil]])), {}),
        /it names os\.system, which is not read/,
      ],
      ['small.hdf5', await writeKeras(kerasLayers(randomWeights(1))), /small\.hdf5 does not hold EMmerNet: /],
      [
        'cut.tar.gz',
        archive.subarray(0, 5_000_000),
        /cut\.tar\.gz is (a damaged or truncated gzip file|not a readable tar archive): /,
      ],
      ['text.pt', 'text', /text\.pt is not a PyTorch file/],
      ['empty.pt', '', /empty\.pt is not a PyTorch file/],
    ];
    for (const [name, content, message] of files) {
      workspace.bytes(name, content);
      const { code, stderr } = await run('import', name);
      expect([name, code]).toEqual([name, 3]);
      expect(stderr).toMatch(
        new RegExp(`^error: .*${message.source}.*\n((expected|found): .+\n)?hint: .+\n$`),
      );
    }
    expect(workspace.list()).toEqual([...files.map(([name]) => name), 'store'].sort());
  });

  it('takes a calibration and a name; refuses tables that fall', async () => {
    workspace.bytes('w.pt', weights);
    workspace.bytes('c.json', '{"standardError": [0, 1], "calibrated": [0, 2]}');
    workspace.bytes('bad.json', '{"standardError": [0, 1], "calibrated": [2, 0]}');
    const bad = await run('import', 'w.pt', '--calibration', 'bad.json');
    expect([bad.code, bad.stderr]).toEqual([
      3,
      expect.stringContaining('calibrated must be numbers that do not fall'),
    ]);
    const good = await run('import', 'w.pt', '--calibration', 'c.json', '--name', 'ours');
    expect(good.stdout).toContain('   Used with -model_path ours.');
    expect((await run()).stdout).toContain('Monte-Carlo dropout, calibrated');
  });

  it.each([
    [['frobnicate'], 'There is no "models frobnicate".'],
    [['import'], '"models import" needs a file.'],
    [['list', 'more'], 'Unexpected argument "more".'],
    [['path', '--from', 'http://a'], 'An option was given that "models path" does not have.'],
    [
      ['download', '--from', 'ftp://a'],
      'Option --from needs an address that starts with http:// or https://',
    ],
    [['import', 'x.pt', '--name', 'A b'], '"A b" cannot be the name of a model.'],
  ])('%j is refused as usage', async (args, message) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr).toMatch(/^hint: /m);
  });
});

async function zenodo(content: Uint8Array): Promise<{ address: string; close: () => Promise<void> }> {
  const files = [{ key: 'emmernet.tar.gz', size: content.length, checksum: `md5:${sum(content, 'md5')}` }];
  const server: Server = createServer(({ url }, response) => {
    if (url === '/api/records/8211668')
      response.end(JSON.stringify({ files, metadata: { license: { id: 'cc-by-4.0' } } }));
    else if (url === '/records/8211668/files/emmernet.tar.gz') response.end(content);
    else {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

describe('the command setup', () => {
  /** A package onnxruntime-node with an install script of our own. */
  function fakePackage(script: string): string {
    const root = workspace.path('onnxruntime-node');
    mkdirSync(`${root}/script`, { recursive: true });
    mkdirSync(`${root}/bin/napi-v6/linux/x64`, { recursive: true });
    writeFileSync(`${root}/script/install.js`, script);
    return root;
  }
  const lines: string[] = [];
  const session = () => {
    lines.length = 0;
    return { say: (text: string) => void lines.push(text), signal: new AbortController().signal };
  };
  const linux = { platform: 'linux', arch: 'x64' };
  const installs = `const fs = require('fs'), path = require('path');
if (process.env.ONNXRUNTIME_NODE_INSTALL !== 'true') process.exit(0);
console.log('Downloading');
for (const name of ['shared', 'cuda']) fs.writeFileSync(path.join(__dirname, '../bin/napi-v6/linux/x64/libonnxruntime_providers_' + name + '.so'), '');`;

  it('runs the install script of onnxruntime with what makes it install, and says when it is done already', async () => {
    const root = fakePackage(installs);
    await installCuda(session(), root, linux);
    expect(lines.slice(1)).toEqual([
      '  Downloading',
      `Installed: ${root}/bin/napi-v6/linux/x64`,
      expect.stringContaining('"locscale-gpu devices"'),
    ]);
    await installCuda(session(), root, linux);
    expect(lines).toEqual([expect.stringContaining('are already installed')]);
  });

  it.each([
    [
      'the network is not there',
      `throw new Error('getaddrinfo ENOTFOUND api.nuget.org')`,
      'nuget.org cannot be reached',
    ],
    ['the folder is read-only', `throw new Error('EACCES: permission denied')`, 'cannot be written'],
    ['the script fails', 'process.exit(7)', 'exit code 7'],
    ['the script does nothing', '', 'left out libonnxruntime_providers_shared.so'],
  ])('reports when %s', async (_, script, message) => {
    await expect(installCuda(session(), fakePackage(script), linux)).rejects.toMatchObject({
      tag: 'bad-input',
      message: expect.stringContaining(message),
      hint: expect.stringContaining('Microsoft.ML.OnnxRuntime.Gpu.Linux'),
    });
  });

  it('reports where there are no CUDA libraries', async () => {
    const other = { platform: 'darwin', arch: 'arm64' };
    await expect(installCuda(session(), fakePackage(installs), other)).rejects.toMatchObject({
      tag: 'unsupported',
      message: 'onnxruntime has no CUDA libraries for darwin arm64.',
    });
  });

  it('requires the thing to set up', async () => {
    const { code, stderr } = await runHere('setup');
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('hint: Write locscale-gpu setup --cuda, or locscale-gpu setup --shim FOLDER.'),
    ]);
  });
});
