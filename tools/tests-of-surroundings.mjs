/**
 * The test files whose outcome can depend on the machine: those of the command line, and those that start
 * programs, look for a GPU or for the reference data, themselves or through a helper in test/. Found by their
 * imports, so that nobody keeps a list. `node tools/tests-of-surroundings.mjs` prints them, with
 * `--behind-walk` those of which the newcomer's walk skips some for want of reference data or time, but for the
 * page's, which have a stage of CI.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * What reaches out of the repository: other programs, GPU drivers, a network's runtime, the reference data.
 */
const SURROUNDINGS =
  /from '(node:child_process|webgpu|onnxruntime-node)'|\/(shared-data|platform\/[\w-]+|select-engine)\.ts'|LOCSCALE_SHARED/;

const REFERENCE_DATA = /\/shared-data\.ts'|LOCSCALE_SHARED/;
const LONG = /^import \{[^}]*\b(it|describe)Long\b/m;

/** Paths relative to `root`, sorted. */
export function testsOfSurroundings(root) {
  const commandLine = join(root, 'test/cli');
  return testsThat(root, SURROUNDINGS, (file) => file.startsWith(commandLine));
}

export function testsBehindWalk(root) {
  const isLong = (file) => LONG.test(readFileSync(file, 'utf8'));
  return testsThat(root, REFERENCE_DATA, isLong).filter((file) => !file.startsWith(join('test', 'browser')));
}

/**
 * Tests whose text, or that of a helper they import, matches `pattern`; and those that are `chosen` anyway.
 */
function testsThat(root, pattern, chosen) {
  const folder = join(root, 'test');
  const known = new Map();
  const reachesOut = (file) => {
    if (!known.has(file)) {
      // Until it is known: modules may import one another.
      known.set(file, false);
      const text = readFileSync(file, 'utf8');
      const helpers = [...text.matchAll(/from '(\.[^']+)'/g)]
        .map(([, path]) => join(dirname(file), path))
        .filter((path) => path.startsWith(folder));
      known.set(file, pattern.test(text) || helpers.some(reachesOut));
    }
    return known.get(file);
  };
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((file) => file.endsWith('.test.ts') && (chosen(file) || reachesOut(file)))
    .map((file) => relative(root, file))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  process.stdout.write(
    (process.argv[2] === '--behind-walk' ? testsBehindWalk : testsOfSurroundings)(root)
      .map((file) => `${file}\n`)
      .join(''),
  );
}
