/**
 * What archives of the program are made of: its packages, the Node that runs them, libraries that machines
 * may lack.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a command in the repository; a failure ends the program that asked. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ${args[0]} failed`);
  return result;
}

/** Folders of compiled code for other systems, within packages that bring all of them. */
const forOtherSystems = {
  webgpu: (path) => /\/webgpu\/dist\/[^/]+$/.test(path) && !path.includes(webgpuFolder()),
  'onnxruntime-node': (path) =>
    /\/napi-v\d+\/(darwin|linux|win32)(\/[^/]+)?$/.test(path) &&
    !`${path}/`.includes(`/${process.platform}/${path.endsWith(process.platform) ? '' : `${process.arch}/`}`),
  koffi: (path) => /\/koffi\/(doc|vendor)$/.test(path),
};

function webgpuFolder() {
  return `/dist/${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`;
}

/** Documentation and source maps; licences stay. */
function isUnused(path) {
  return (
    /\.map$|\.d\.[cm]?ts$|\/\.bin$/.test(path) || (/\.md$/i.test(path) && !/licen[cs]e|notice/i.test(path))
  );
}

/**
 * Copies installed packages with all that they depend on into `folder`/node_modules. Optional packages that
 * this system has not got are left out.
 */
export function copyPackages(names, folder, leftOut = new Set()) {
  const done = new Set(leftOut);
  const copy = (name, optional) => {
    if (done.has(name)) return;
    done.add(name);
    const from = join(root, 'node_modules', name);
    if (!existsSync(from)) {
      if (optional) return;
      throw new Error(`The package ${name} is not installed: run npm install.`);
    }
    const manifest = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    const isOther = forOtherSystems[name] ?? (() => false);
    cpSync(from, join(folder, 'node_modules', name), {
      recursive: true,
      filter: (path) => !isOther(path.replaceAll('\\', '/')) && !isUnused(path.slice(from.length)),
    });
    const nested = (dependency) => existsSync(join(from, 'node_modules', dependency));
    for (const dependency of Object.keys(manifest.dependencies ?? {}))
      if (!nested(dependency)) copy(dependency, false);
    for (const dependency of Object.keys(manifest.optionalDependencies ?? {})) copy(dependency, true);
  };
  for (const name of names) copy(name, false);
}

/** The built program without types and source maps. */
export function copyProgram(folder) {
  cpSync(join(root, 'dist'), join(folder, 'dist'), {
    recursive: true,
    filter: (path) => !isUnused(path.slice(root.length)) && !/-hash$/.test(path),
  });
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
}

/** Path of a shared library that a program is linked with. */
function libraryOf(program, name) {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  return new RegExp(`${name.replaceAll('.', '\\.').replaceAll('+', '\\+')}[^ ]* => (\\S+)`).exec(
    stdout ?? '',
  )?.[1];
}

/** bin/node, without symbols where `strip` is at hand, and the C++ runtime in lib/fallback/. */
export function copyNode(folder) {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const node = join(folder, 'bin/node');
  copyFileSync(realpathSync(process.execPath), node);
  chmodSync(node, 0o755);
  if (process.platform !== 'linux') return;
  spawnSync('strip', [node]);
  mkdirSync(join(folder, 'lib/fallback'), { recursive: true });
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) {
    const path = libraryOf(process.execPath, name);
    if (path !== undefined) copyFileSync(realpathSync(path), join(folder, 'lib/fallback', name));
  }
}

/**
 * lib/libvulkan.so.1 out of a development package (x86-64 Linux); the reason in words where there is none.
 */
export async function copyVulkanLoader(folder) {
  run(process.execPath, ['bench/run.mjs', '--help'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const compiled = join(root, 'node_modules/.cache/locscale-bench');
  const { softwareGpuFiles } = await import(join(compiled, 'test/support/software-gpu.js'));
  const software = softwareGpuFiles();
  if ('reason' in software) return software.reason;
  mkdirSync(join(folder, 'lib'), { recursive: true });
  copyFileSync(software.loader, join(folder, 'lib/libvulkan.so.1'));
  return undefined;
}
