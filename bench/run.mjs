/**
 * `npm run bench -- [options]`: compiles bench/ and what it imports from src/ and test/support/ to a
 * cache folder (Node 20 cannot run TypeScript), then runs main.ts. `--help` lists the options.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writePackageScope } from '../tools/package-scope.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiled = join(root, 'node_modules/.cache/locscale-bench');
const kernels = 'src/cpu-fallback/kernels/kernels.wasm';

function run(args) {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

run([join(root, 'node_modules/typescript/bin/tsc'), '-p', 'bench/tsconfig.json']);
mkdirSync(dirname(join(compiled, kernels)), { recursive: true });
cpSync(join(root, kernels), join(compiled, kernels));
cpSync(join(root, 'src/shaders'), join(compiled, 'src/shaders'), {
  recursive: true,
  filter: (path) => !path.endsWith('.ts'),
});
for (const name of readdirSync(join(root, 'bench')).filter((file) => file.endsWith('.mjs')))
  cpSync(join(root, 'bench', name), join(compiled, 'bench', name));
writePackageScope(join(compiled, 'src'));
// test/support looks for packages two folders up.
const packages = join(compiled, 'node_modules');
if (!existsSync(packages)) symlinkSync(join(root, 'node_modules'), packages, 'dir');
run([join(compiled, 'bench/main.js'), '--root', root, ...process.argv.slice(2)]);
