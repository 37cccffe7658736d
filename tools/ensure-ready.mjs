/**
 * Brings a fresh clone to where `npm run demo` and `npm test` (or the tasks of deno.json) can start: checks
 * the runtime, installs the packages if they are not there, builds if sources changed. Node built-ins only;
 * runs under Node and under Deno, each with its own installer.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const isDeno = 'Deno' in globalThis;
const [major, minor] = process.versions.node.split('.').map(Number);
if (!isDeno && (major < 20 || (major === 20 && minor < 19))) {
  process.stderr.write(`locscale-gpu needs Node 20.19 or newer; this is Node ${process.versions.node}.\n`);
  process.exit(2);
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

const digest = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform}-${process.arch}`)
  .digest('hex');
const stamp = join(root, 'node_modules', '.locscale-ready');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  process.stdout.write(`Installing packages (${isDeno ? 'deno install' : 'npm install'}) ...\n`);
  // Not `npm ci`: it refuses a lock file that lacks the optional binaries of other platforms.
  const install = ['install', '--no-save', '--no-audit', '--no-fund'];
  const npmCli = process.env.npm_execpath;
  if (isDeno) run(process.execPath, ['install', '--quiet']);
  else if (npmCli?.endsWith('.js')) run(process.execPath, [npmCli, ...install]);
  else run(process.platform === 'win32' ? 'npm.cmd' : 'npm', install);
  writeFileSync(stamp, digest);
}
run(process.execPath, [...(isDeno ? ['run', '-A'] : []), join(root, 'tools/build.mjs')]);
