/**
 * The newcomer's walk: a clone in an empty folder with nothing beside it, `npm run demo` and `npm test` in
 * it, in one order or the other. Both must exit with 0 and print nothing on stderr.
 *
 *   node tools/fresh-clone.mjs                     five environments, as root on Linux with debootstrap
 *   node tools/fresh-clone.mjs --here              one walk on this machine, without HOME and XDG_RUNTIME_DIR
 *   --only mesa,no-driver  those environments      --tests surroundings   not all tests: tools/tests-of-surroundings.mjs
 *                                                  --tests FILE,FILE      or these
 *   --out FILE.json      seconds and counts        --system FOLDER        where Debian 12 is installed, or was
 *
 * Environments: no driver, or Mesa 22 of Debian 12 (llvmpipe: a driver that Dawn refuses and wgpu takes);
 * XDG_RUNTIME_DIR set or not; root or an ordinary user. What is installed is Debian's smallest system, this
 * Node and its npm.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { testsOfSurroundings } from './tests-of-surroundings.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const ENVIRONMENTS = [
  { name: 'no-driver', mesa: false, runtimeFolder: true, user: 'root', first: 'demo' },
  { name: 'no-driver-unset', mesa: false, runtimeFolder: false, user: 'root', first: 'test' },
  { name: 'mesa', mesa: true, runtimeFolder: true, user: 'root', first: 'test' },
  { name: 'mesa-unset', mesa: true, runtimeFolder: false, user: 'root', first: 'demo' },
  { name: 'user-mesa-unset', mesa: true, runtimeFolder: false, user: 'newcomer', first: 'demo' },
];
/** What a machine may need to reach the npm registry: handed on of this environment. */
const NETWORK =
  /^(npm_config_(registry|cafile|proxy|https_proxy)|NODE_EXTRA_CA_CERTS|(https?|no|all)_proxy)$/i;
/**
 * What tests are told (which absences are failures, other versions of Node): handed on where the walk is
 * here.
 */
const FOR_TESTS = /^(CI|LOCSCALE_REQUIRE|LOCSCALE_OTHER_NODES)$/;

const { values: options } = parseArgs({
  options: {
    here: { type: 'boolean', default: false },
    only: { type: 'string' },
    tests: { type: 'string', default: 'all' },
    out: { type: 'string' },
    system: { type: 'string' },
  },
});

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `exit ${status}`}`);
}

/** Debian 12 in `folder`, with this Node in /opt/node. */
function installSystem(folder) {
  if (existsSync(join(folder, 'opt/node/bin/node'))) return;
  const include = '--include=ca-certificates,libstdc++6,libatomic1';
  run('debootstrap', ['--variant=minbase', include, 'bookworm', folder]);
  const npm = dirname(dirname(realpathSync(join(dirname(process.execPath), 'npm'))));
  mkdirSync(join(folder, 'opt/node/bin'), { recursive: true });
  cpSync(process.execPath, join(folder, 'opt/node/bin/node'));
  cpSync(npm, join(folder, 'opt/node/lib/node_modules/npm'), { recursive: true });
  for (const name of ['npm', 'npx'])
    writeFileSync(
      join(folder, 'opt/node/bin', name),
      `#!/bin/sh\nexec /opt/node/bin/node /opt/node/lib/node_modules/npm/bin/${name}-cli.js "$@"\n`,
      { mode: 0o755 },
    );
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  if (certificates !== undefined) cpSync(certificates, join(folder, certificates), { dereference: true });
  run('chroot', [folder, 'useradd', '--create-home', 'newcomer']);
}

/** `command` inside `system`, or on this machine; the mounts end with it. */
function inSystem(system, command) {
  if (system === undefined) return command;
  const mounts = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"';
  return ['unshare', '--mount', 'sh', '-c', mounts, system, ...command];
}

/** The exit code and everything that came out. */
function call(command, cwd) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'])
      child[stream].on('data', (piece) => {
        texts[stream] += piece.toString();
      });
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, ...texts, seconds: Math.round((performance.now() - started) / 100) / 10 }),
    );
  });
}

async function walk({ name, runtimeFolder, user, first }, system) {
  const home = user === 'root' ? (system === undefined ? tmpdir() : '/tmp') : `/home/${user}`;
  const inside = (path) => (system === undefined ? path : join(system, path));
  const folder = mkdtempSync(inside(join(home, 'empty-')));
  const clone = join(folder, 'locscale-gpu');
  run('git', ['clone', '--quiet', root, clone]);
  const path = system === undefined ? process.env.PATH : '/opt/node/bin:/usr/bin:/bin';
  const variables = Object.entries({ ...process.env, PATH: path })
    .filter(([key]) => key === 'PATH' || NETWORK.test(key) || (options.here && FOR_TESTS.test(key)))
    .map(([key, value]) => `${key}=${value}`);
  if (runtimeFolder) {
    const runtime = join(folder, 'runtime');
    mkdirSync(runtime, { mode: 0o700 });
    variables.push(`XDG_RUNTIME_DIR=${runtime.slice(system?.length ?? 0)}`);
  }
  let become = [];
  if (user !== 'root') {
    run('chroot', [system, 'chown', '-R', `${user}:`, folder.slice(system.length)]);
    become = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups'];
  }
  const script = { demo: 'npm run demo', test: 'npm test' };
  const { tests } = options;
  const files = tests === 'surroundings' ? testsOfSurroundings(root) : tests.split(',');
  if (tests !== 'all') script.test += ` -- ${files.join(' ')}`;
  const result = { environment: name, commands: [] };
  for (const which of first === 'demo' ? ['demo', 'test'] : ['test', 'demo']) {
    // HOME is unset for everybody.
    const shell = `cd ${clone.slice(system?.length ?? 0)} && exec ${script[which]}`;
    const command = ['env', '-i', ...variables, ...become, 'sh', '-c', shell];
    const { code, stdout, stderr, seconds } = await call(inSystem(system, command), '/');
    const counts = stdout.match(/^\d+ passed, \d+ failed, \d+ skipped$/m)?.[0];
    const passed = code === 0 && stderr === '';
    process.stdout.write(`${name}: npm ${which}: exit ${code}, ${seconds} s${counts ? `, ${counts}` : ''}\n`);
    if (!passed) process.stdout.write(`${stdout}\n--- stderr of npm ${which}:\n${stderr}\n---\n`);
    result.commands.push({ command: which, passed, code, seconds, counts, stderr });
  }
  rmSync(folder, { recursive: true, force: true });
  return result;
}

const results = [];
if (options.here) {
  results.push(await walk({ name: 'here', runtimeFolder: false, user: 'root', first: 'demo' }, undefined));
} else {
  const system = options.system ?? mkdtempSync(join(tmpdir(), 'locscale-debian-'));
  // Its root: a folder that only root may enter would be no system for others.
  if (options.system === undefined) chmodSync(system, 0o755);
  const names = options.only?.split(',') ?? ENVIRONMENTS.map(({ name }) => name);
  installSystem(system);
  for (const environment of ENVIRONMENTS.filter(({ name }) => names.includes(name))) {
    const change = environment.mesa ? 'install' : 'purge';
    const packages = ['mesa-vulkan-drivers', 'libvulkan1'];
    const apt = ['apt-get', change, '--yes', '--quiet=2', '--autoremove', ...packages];
    const quiet = ['sh', '-c', '"$@" >/dev/null 2>&1', 'sh', 'env', 'DEBIAN_FRONTEND=noninteractive', ...apt];
    run('chroot', [system, ...quiet]);
    results.push(await walk(environment, system));
  }
  if (options.system === undefined) rmSync(system, { recursive: true, force: true });
}
const text = `${JSON.stringify({ node: process.versions.node, tests: options.tests, results }, undefined, 2)}\n`;
if (options.out !== undefined) writeFileSync(options.out, text);
const failed = results.flatMap(({ environment, commands }) =>
  commands.filter(({ passed }) => !passed).map(({ command }) => `${environment}: npm ${command}`),
);
process.stdout.write(failed.length === 0 ? 'Every walk passed.\n' : `Failed: ${failed.join('; ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
