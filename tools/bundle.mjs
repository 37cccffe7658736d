/**
 * `npm run bundle -- [--format xz|gz|folder] [--out FOLDER]`: the whole program in one archive, for machines
 * of the same system that have no network, no Node and no npm (nodes of a cluster, GPU boxes).
 *   locscale-gpu, locscale-gpu-relion   start it, from anywhere and through links
 *   bin/node        the Node that made the archive, without symbols
 *   dist/           the program
 *   node_modules/   what it needs to run, compiled code for this system only
 *   docs/           the documents
 *   lib/            a Vulkan loader, and the C++ runtime in case the machine has none (Linux)
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { copyNode, copyPackages, copyProgram, copyVulkanLoader, root, run } from './package-files.mjs';

const { values } = parseArgs({
  options: {
    format: { type: 'string', default: 'xz' },
    out: { type: 'string', default: root },
  },
});
const archivers = { xz: ['-cJf', 'tar.xz'], gz: ['-czf', 'tar.gz'], folder: undefined };
if (process.platform === 'win32' || !Object.hasOwn(archivers, values.format)) {
  process.stderr.write('bundle: made on Linux or macOS, with --format xz, gz or folder.\n');
  process.exit(2);
}

run(process.execPath, ['tools/ensure-ready.mjs']);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const name = `locscale-gpu-${manifest.version}-${process.platform}-${process.arch}`;
const out = resolve(values.out);
const bundle = join(out, name);
rmSync(bundle, { recursive: true, force: true });
mkdirSync(bundle, { recursive: true });

copyNode(bundle);
copyProgram(bundle);
const optional = Object.keys(manifest.optionalDependencies).filter((dependency) =>
  existsSync(join(root, 'node_modules', dependency)),
);
copyPackages([...Object.keys(manifest.dependencies), ...optional], bundle);
const absent = await copyVulkanLoader(bundle);
if (absent !== undefined) process.stdout.write(`bundle: no Vulkan loader in it: ${absent}.\n`);
for (const file of ['README.md', 'LICENSE', 'CITATION.cff', 'CHANGELOG.md'])
  copyFileSync(join(root, file), join(bundle, file));
cpSync(join(root, 'docs'), join(bundle, 'docs'), { recursive: true });
// Where installations of Node keep its licence.
for (const folder of ['..', '../share/doc/nodejs', '../share/doc/node']) {
  const licence = join(dirname(process.execPath), folder, 'LICENSE');
  if (existsSync(licence)) copyFileSync(licence, join(bundle, 'bin/LICENSE-node'));
}
for (const [command, script] of Object.entries(manifest.bin)) {
  writeFileSync(join(bundle, command), starter(script));
  chmodSync(join(bundle, command), 0o755);
}

const archiver = archivers[values.format];
if (archiver === undefined) process.stdout.write(`${bundle}\n`);
else {
  const archive = `${bundle}.${archiver[1]}`;
  run('tar', ['-C', out, archiver[0], archive, name], {
    env: { XZ_OPT: '-6 -T0', ...process.env },
  });
  rmSync(bundle, { recursive: true });
  process.stdout.write(`${archive}: ${(statSync(archive).size / 2 ** 20).toFixed(1)} MiB\n`);
}

/** Needs nothing but a shell; `script` is relative to the bundle. */
function starter(script) {
  return `#!/bin/sh
# Starts ${manifest.name} out of its own folder, wherever that lies and by whatever link it is called.
case $0 in */*) self=$0 ;; *) self=./$0 ;; esac
while [ -h "$self" ]; do
  target=$(readlink "$self") || exit 1
  case $target in /*) self=$target ;; *) self=\${self%/*}/$target ;; esac
done
here=$(CDPATH='' cd -- "\${self%/*}" && pwd -P)
"$here/bin/node" --version >/dev/null 2>&1 ||
  export LD_LIBRARY_PATH="$here/lib/fallback\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# Only taken where the system has no libvulkan.so.1.
if [ -z "$LOCSCALE_VULKAN_LOADER" ] && [ -e "$here/lib/libvulkan.so.1" ]; then
  export LOCSCALE_VULKAN_LOADER="$here/lib/libvulkan.so.1"
fi
exec "$here/bin/node" "$here/${script}" "$@"
`;
}
