/**
 * Installs onnxruntime's CUDA libraries, which are too large for npm: runs the package's own install script,
 * which fetches them from nuget.org, and passes its output on.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { LocScaleError } from '../../errors.ts';
import { isDeno } from '../../platform/index.ts';

/** Files that the script installs next to onnxruntime. */
const cudaLibraries = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];

/** Folder of onnxruntime-node. */
function packageFolder(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '..');
  } catch (cause) {
    throw new LocScaleError('bad-input', 'The package onnxruntime-node is not installed.', {
      where: 'onnxruntime-node',
      cause,
      hint: 'Install it in the folder of locscale-gpu: npm install onnxruntime-node.',
    });
  }
}

/** Where the progress of an installation goes. */
export interface Installation {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** `root`: folder of the package onnxruntime-node. */
export async function installCuda(
  installation: Installation,
  root = packageFolder(),
  machine = { platform: process.platform as string, arch: process.arch as string },
): Promise<void> {
  const { say } = installation;
  const { platform, arch } = machine;
  if (platform !== 'linux' || arch !== 'x64')
    throw new LocScaleError('unsupported', `onnxruntime has no CUDA libraries for ${platform} ${arch}.`, {
      where: 'onnxruntime',
      expected: 'linux x64',
      found: `${platform} ${arch}`,
      hint: 'The network runs without them: on DirectML (Windows), CoreML (macOS), WebGPU or the CPU.',
    });
  const folder = join(root, 'bin/napi-v6', platform, arch);
  const missing = (): string[] => cudaLibraries.filter((file) => !existsSync(join(folder, file)));
  if (missing().length === 0) {
    say(`The CUDA libraries of onnxruntime are already installed: ${folder}`);
    return;
  }
  const script = join(root, 'script/install.js');
  if (!existsSync(script))
    throw new LocScaleError('bad-input', `The package onnxruntime-node has no install script: ${script}.`, {
      where: script,
      hint: 'Install onnxruntime-node 1.30.0 again.',
    });
  say('Fetching the CUDA libraries of onnxruntime from nuget.org (some hundred MiB).');
  const { code, output } = await runScript(script, installation);
  const absent = missing();
  if (code === 0 && absent.length === 0) {
    say(`Installed: ${folder}`);
    say('"locscale-gpu devices" shows whether the provider cuda works; it needs CUDA 12 and cuDNN 9.');
    return;
  }
  throw new LocScaleError(
    'bad-input',
    `The CUDA libraries were not installed: ${reasonOf(output, code, absent)}.`,
    {
      where: folder,
      found: absent.join(', '),
      hint:
        `The machine needs access to api.nuget.org. Otherwise copy ${cudaLibraries.join(' and ')} ` +
        'out of the package Microsoft.ML.OnnxRuntime.Gpu.Linux of nuget.org ' +
        `(runtimes/linux-x64/native) into ${folder}.`,
    },
  );
}

/** Runs the script with the variable that makes it install, and passes its lines on as they arrive. */
function runScript(
  script: string,
  { say, signal }: Installation,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(isDeno ? ['run', '-A'] : []), script], {
      // Any value other than "true" is ignored or skips the installation.
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    let output = '';
    let line = '';
    const take = (chunk: string): void => {
      output += chunk;
      const lines = (line + chunk).split(/\r?\n/);
      line = lines.pop() ?? '';
      for (const whole of lines) say(`  ${whole}`);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', take);
    child.on('error', reject);
    child.on('close', (code) => {
      if (line !== '') say(`  ${line}`);
      resolve({ code, output });
    });
  });
}

/** Why the libraries are not there, from the output of the install script. */
function reasonOf(output: string, code: number | null, absent: readonly string[]): string {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/.test(output))
    return 'nuget.org cannot be reached';
  if (/EACCES|EPERM|EROFS/.test(output)) return 'the folder of onnxruntime-node cannot be written';
  if (/ENOSPC/.test(output)) return 'the disk is full';
  if (code !== 0) return `the install script of onnxruntime-node failed with exit code ${code}`;
  return `the install script of onnxruntime-node left out ${absent.join(', ')}`;
}
