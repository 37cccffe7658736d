/**
 * `npm run robustness -- [options]`: compiles test/robustness/ and what it imports to a cache folder (Node 20
 * cannot run TypeScript), then runs main.ts. `--help` lists the options.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writePackageScope } from './package-scope.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiled = join(root, 'node_modules/.cache/locscale-robustness');

function run(args) {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

run([join(root, 'tools/build.mjs')]);
run([join(root, 'node_modules/typescript/bin/tsc'), '-p', 'test/robustness/tsconfig.json']);
// What lies beside the sources and is no TypeScript: kernels, shaders, the bundled network.
cpSync(join(root, 'src'), join(compiled, 'src'), {
  recursive: true,
  filter: (path) => !path.endsWith('.ts'),
});
writePackageScope(join(compiled, 'src'));
// test/support looks for packages two folders up.
mkdirSync(compiled, { recursive: true });
const packages = join(compiled, 'node_modules');
if (!existsSync(packages)) symlinkSync(join(root, 'node_modules'), packages, 'dir');
run([join(compiled, 'test/robustness/main.js'), '--root', root, ...process.argv.slice(2)]);
