/**
 * Map files seen through programs that share nothing with this one: gemmi and mrcfile of the system's Python.
 * Where a module is missing the tests that need it are skipped visibly.
 */
import { spawnSync } from 'node:child_process';

const python = '/usr/bin/python3';

const has = (module: string): boolean => spawnSync(python, ['-c', `import ${module}, numpy`]).status === 0;
export const gemmiPresent = has('gemmi');
export const mrcfilePresent = has('mrcfile');
/** For the names of tests that are skipped without one of them. */
export const unlessGemmi = gemmiPresent ? '' : ` [skipped: ${python} has no gemmi]`;
export const unlessMrcfile = mrcfilePresent ? '' : ` [skipped: ${python} has no mrcfile]`;

function runPython<T>(script: string, args: readonly string[]): T {
  const run = spawnSync(python, ['-c', script, ...args], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr || String(run.error));
  return JSON.parse(run.stdout) as T;
}

export interface GemmiComparison {
  /** Of either file after gemmi has put it into x, y, z order. */
  readonly grids: readonly {
    readonly cell: readonly number[];
    readonly spaceGroup: string;
    readonly points: readonly number[];
    readonly voxel: readonly number[];
    /** ORIGIN, and NSTART along x, y, z. */
    readonly origin: readonly number[];
    readonly start: readonly number[];
  }[];
  /** Correlation of the two densities where the second is not 0. */
  readonly correlation: number;
  /** The same against the input displaced by one voxel along x, y and z: what a shifted grid would give. */
  readonly displaced: readonly number[];
  /** The same for densities interpolated at fractional coordinates within the scaled part. */
  readonly interpolated: number;
  readonly positions: number;
}

const compareScript = `
import sys, json, math, gemmi, numpy as np
grids, maps, arrays = [], [], []
for path in sys.argv[1:3]:
    m = gemmi.read_ccp4_map(path)
    axes = [m.header_i32(w) for w in (17, 18, 19)]
    start = [m.header_i32(5 + axes.index(a)) for a in (1, 2, 3)]
    origin = [m.header_float(w) for w in (50, 51, 52)]
    m.setup(0.0)
    g = m.grid
    grids.append(dict(cell=list(g.unit_cell.parameters), spaceGroup=g.spacegroup.hm if g.spacegroup else '',
      points=[g.nu, g.nv, g.nw], voxel=list(g.spacing), origin=origin, start=start))
    maps.append(m)
    arrays.append(np.array(g, copy=True).astype(np.float64))
a, b = arrays
inside = b != 0
cc = lambda p, q: float(np.corrcoef(p, q)[0, 1])
displaced = [cc(np.roll(a, 1, axis=k)[inside], b[inside]) for k in range(3)]
# Points between grid points, of voxels whose neighbours are all scaled.
core = inside.copy()
for k in range(3):
    core &= np.roll(inside, 1, axis=k) & np.roll(inside, -1, axis=k)
points = np.argwhere(core)
points = points[:: max(1, len(points) // 200)]
n = np.array(a.shape)
values = [[m.grid.interpolate_value(gemmi.Fractional(*((p + 0.3) / n))) for p in points] for m in maps]
print(json.dumps(dict(grids=grids, correlation=cc(a[inside], b[inside]), displaced=displaced,
  interpolated=cc(values[0], values[1]), positions=len(points))))
`;

export function compareWithGemmi(input: string, output: string): GemmiComparison {
  return runPython(compareScript, [input, output]);
}

/** Writes the same density with gemmi, in axis order 1, 2, 3. */
export function rewriteWithGemmi(input: string, output: string): { order: number[]; points: number[] } {
  return runPython(
    `
import sys, json, gemmi
m = gemmi.read_ccp4_map(sys.argv[1])
m.setup(0.0)
m.update_ccp4_header(2, True)
m.write_ccp4_map(sys.argv[2])
print(json.dumps(dict(order=[m.header_i32(w) for w in (17, 18, 19)], points=[m.grid.nu, m.grid.nv, m.grid.nw])))
`,
    [input, output],
  );
}

export interface MrcfileView {
  readonly valid: boolean;
  readonly log: string;
  /** Minimum, maximum, mean, deviation: as the header states them, and as they are. */
  readonly stated: readonly number[];
  readonly found: readonly number[];
}

export function viewWithMrcfile(path: string): MrcfileView {
  return runPython(
    `
import sys, json, io, mrcfile, numpy as np
with mrcfile.open(sys.argv[1]) as m:
    out, h, d = io.StringIO(), m.header, m.data.astype(np.float64)
    print(json.dumps(dict(valid=bool(m.validate(print_file=out)), log=out.getvalue(),
      stated=[float(h.dmin), float(h.dmax), float(h.dmean), float(h.rms)],
      found=[float(d.min()), float(d.max()), float(d.mean()), float(d.std())])))
`,
    [path],
  );
}
