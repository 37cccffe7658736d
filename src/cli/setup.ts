/**
 * `locscale-gpu setup --shim FOLDER`: see shim.ts.
 * `locscale-gpu setup --cuda`: the CUDA libraries of onnxruntime are too large for npm. The install script of
 * its own package fetches them from nuget.org; here it is run with its output passed on.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { LocScaleError } from '../errors.ts';
import { isDeno } from '../platform/index.ts';
import { refusePositionals } from './job-options.ts';
import type { Session } from './session.ts';

/** What the script puts beside onnxruntime. */
const cudaLibraries = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];

export async function runSetup(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  const hint = 'Write locscale-gpu setup --cuda, or locscale-gpu setup --shim FOLDER.';
  refusePositionals(positionals, 0, hint);
  const { cuda, shim } = values;
  if (cuda !== true && shim === undefined)
    throw new LocScaleError('usage', 'The command setup needs to be told what to set up.', {
      where: 'setup',
      hint,
    });
  if (shim !== undefined) await (await import('./shim.ts')).installShim(session, shim);
  if (cuda === true) await installCuda(session, packageFolder());
}

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

/** `root`: of the package onnxruntime-node. */
export async function installCuda(
  session: Pick<Session, 'logger' | 'signal'>,
  root: string,
  machine = { platform: process.platform as string, arch: process.arch as string },
): Promise<void> {
  const { logger } = session;
  const { platform, arch } = machine;
  if (platform !== 'linux' || arch !== 'x64')
    throw new LocScaleError('unsupported', `onnxruntime has no CUDA libraries for ${platform} ${arch}.`, {
      where: '--cuda',
      expected: 'linux x64',
      found: `${platform} ${arch}`,
      hint: 'The network runs without: on DirectML (Windows), CoreML (macOS), WebGPU or the CPU.',
    });
  const folder = join(root, 'bin/napi-v6', platform, arch);
  const missing = (): string[] => cudaLibraries.filter((file) => !existsSync(join(folder, file)));
  if (missing().length === 0) {
    logger.line(`The CUDA libraries of onnxruntime are there already: ${folder}`);
    return;
  }
  const script = join(root, 'script/install.js');
  if (!existsSync(script))
    throw new LocScaleError('bad-input', `The package onnxruntime-node has no install script: ${script}.`, {
      where: script,
      hint: 'Install onnxruntime-node 1.30.0 again.',
    });
  logger.line('Fetching the CUDA libraries of onnxruntime from nuget.org (some hundred MiB).');
  const { code, output } = await runScript(script, session);
  const absent = missing();
  if (code === 0 && absent.length === 0) {
    logger.line(`Installed: ${folder}`);
    logger.line(
      '"locscale-gpu devices" tells whether the provider cuda works; it needs CUDA 12 and cuDNN 9.',
    );
    return;
  }
  throw new LocScaleError(
    'bad-input',
    `The CUDA libraries were not installed: ${reasonOf(output, code, absent)}.`,
    {
      where: folder,
      found: absent.join(', '),
      hint: `The machine needs access to api.nuget.org. Without, copy ${cudaLibraries.join(' and ')} out of the package Microsoft.ML.OnnxRuntime.Gpu.Linux of nuget.org (runtimes/linux-x64/native) into ${folder}.`,
    },
  );
}

/** Runs the script with the value that makes it install; its lines are passed on as they come. */
function runScript(
  script: string,
  { logger, signal }: Pick<Session, 'logger' | 'signal'>,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(isDeno ? ['run', '-A'] : []), script], {
      // Any other value than "true" is ignored, or skips the installation.
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
      for (const whole of lines) logger.line(`  ${whole}`);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', take);
    child.on('error', reject);
    child.on('close', (code) => {
      if (line !== '') logger.line(`  ${line}`);
      resolve({ code, output });
    });
  });
}

function reasonOf(output: string, code: number | null, absent: readonly string[]): string {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/.test(output))
    return 'nuget.org cannot be reached';
  if (/EACCES|EPERM|EROFS/.test(output)) return 'the folder of onnxruntime-node cannot be written';
  if (/ENOSPC/.test(output)) return 'the disk is full';
  if (code !== 0) return `the install script of onnxruntime-node failed with exit code ${code}`;
  return `the install script of onnxruntime-node left out ${absent.join(', ')}`;
}
