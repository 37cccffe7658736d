/**
 * `node tools/pack-for-gpu-machine.mjs [--golden FOLDER] [--folder FOLDER] [--no-archive]`: a folder and a
 * tar.xz with everything that the program, its benches and gpu-check.mjs need on an x86-64 Linux machine
 * that has a GPU driver and nothing else: no Node, no npm, no Vulkan loader, no network.
 *   bin/node        the Node that runs this, without symbols where `strip` is at hand
 *   dist/           the program
 *   bench-compiled/ the benches (bench/run.mjs compiles them), bench/ gpu-check.mjs
 *   node_modules/   what these import; webgpu and koffi for linux-x64 only
 *   lib/            a Vulkan loader, and the C++ runtime in case the machine has none
 *   golden/         with --golden: the reference data that gpu-check.mjs compares with
 *   run.sh          starts all of it: see bench/README.md
 */
import { spawnSync } from 'node:child_process';
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
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { copyNode, copyPackages, copyProgram, copyVulkanLoader, root, run } from './package-files.mjs';

const { values } = parseArgs({
  options: {
    golden: { type: 'string' },
    folder: { type: 'string', default: join(root, 'node_modules/.cache/locscale-gpu-machine') },
    'no-archive': { type: 'boolean', default: false },
  },
});
if (process.platform !== 'linux' || process.arch !== 'x64') {
  process.stderr.write('pack: the pack is for x86-64 Linux and has to be made there.\n');
  process.exit(2);
}
const pack = values.folder;
const compiled = join(root, 'node_modules/.cache/locscale-bench');
/** What a machine that is lent for minutes may be sent. */
const LARGEST_ARCHIVE_BYTES = 64 * 2 ** 20;
/** Imported by nothing that runs there. */
const LEFT_OUT = new Set(['onnxruntime-node', '@webgpu/types', 'debug']);

run(process.execPath, ['tools/ensure-ready.mjs']);
rmSync(pack, { recursive: true, force: true });
mkdirSync(join(pack, 'bench'), { recursive: true });

copyNode(pack);
copyProgram(pack);
const missing = await copyVulkanLoader(pack);
if (missing !== undefined) throw new Error(`No Vulkan loader to pack: ${missing}.`);

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
copyPackages([...Object.keys(manifest.dependencies), 'koffi'], pack, LEFT_OUT);
for (const folder of ['bench', 'src', 'test'])
  cpSync(join(compiled, folder), join(pack, 'bench-compiled', folder), { recursive: true });
for (const file of ['gpu-check.mjs', 'golden.mjs'])
  copyFileSync(join(root, 'bench', file), join(pack, 'bench', file));
copyFileSync(join(root, 'tools/gpu-machine.sh'), join(pack, 'run.sh'));
chmodSync(join(pack, 'run.sh'), 0o755);

const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? '';
const commit = {
  commit: git('rev-parse', '--short=10', 'HEAD') || 'unknown',
  modified: git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'bench/*.ts') !== '',
};
writeFileSync(join(pack, 'commit.json'), `${JSON.stringify(commit)}\n`);

if (values.golden !== undefined) {
  for (const set of ['trpv1-c4', 'emd5778-window-1']) {
    const from = [join(values.golden, 'golden', set), join(values.golden, set)].find((path) =>
      existsSync(path),
    );
    if (from === undefined) throw new Error(`There is no golden/${set} in ${values.golden}.`);
    cpSync(from, join(pack, 'golden', set), {
      recursive: true,
      filter: (path) => !/truth|symmetrised|\.cif$/.test(path),
    });
  }
}

if (values['no-archive']) process.stdout.write(`${pack}\n`);
else {
  const archive = `${pack}.tar.xz`;
  run('tar', ['-C', dirname(pack), '-cJf', archive, pack.slice(dirname(pack).length + 1)], {
    env: { ...process.env, XZ_OPT: '-6 -T0' },
  });
  const { size } = statSync(archive);
  process.stdout.write(`${archive}: ${(size / 2 ** 20).toFixed(1)} MiB\n`);
  if (size > LARGEST_ARCHIVE_BYTES) throw new Error('The archive is larger than 64 MiB: leave --golden out.');
}
