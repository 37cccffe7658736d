/**
 * Radial power and cross spectra of tapered windows on a lattice of points.
 *
 * Windows of w^3 voxels on a lattice of a few voxels overlap almost entirely, and taper and transform are
 * separable. So rows are transformed along x once for all windows that share them, likewise planes along y,
 * and only the transform along z is per window. Only frequencies of the requested shells are computed. The
 * taper is even about the window's centre: adding and subtracting voxels d and -d first gives the
 * coefficients of k and -k with half the products. Phases refer to the centre.
 *
 * The taper is cos^2(pi d / w) (Hann): a constant then contributes to |k| <= 1 along each axis only, and the
 * decay of a window's spectrum is that of the density, not of a box's edges.
 */

import { HEAP, type HostMemory } from '../../engine/host-memory.ts';
import { LocScaleError } from '../../errors.ts';
import { type Shape, voxelCount } from '../../math/grid.ts';

/** Shells per frequency index of the window: their width is half of 1 / (window edge). */
const SHELLS_PER_INDEX = 2;
/** A constant contributes up to this frequency index through a Hann window: shells start above it. */
const FIRST_INDEX = 2;

export interface WindowPlan {
  readonly windowVoxels: number;
  /** Largest frequency index along an axis. */
  readonly most: number;
  /** (kx, ky) of each pair, kx >= 0, ky signed; ky = 0 first for every kx, then +ky, -ky in turn. */
  readonly pairs: readonly (readonly [kx: number, ky: number])[];
  /**
   * Per coefficient: its pair, its kz (signed), its shell, and 1 or 2 for the Friedel mates it stands for.
   */
  readonly coefficients: readonly {
    readonly pair: number;
    readonly kz: number;
    readonly shell: number;
    readonly multiplicity: number;
  }[];
  readonly shells: number;
  /** Mean squared frequency of each shell, 1/A^2. */
  readonly squaredFrequency: Float64Array;
  /** Coefficients of each shell, both Friedel mates counted. */
  readonly counts: Float64Array;
}

/** Shells between two cut-offs in A (`lowCutoff` the larger). */
export function planWindows(
  windowVoxels: number,
  voxelSize: number,
  lowCutoff: number,
  highCutoff: number,
): WindowPlan {
  const edge = windowVoxels * voxelSize;
  const first = Math.max(FIRST_INDEX, edge / lowCutoff);
  const last = Math.min(edge / highCutoff, windowVoxels / 2 - 0.5);
  const most = Math.floor(last);
  const pairs: [number, number][] = [];
  const found: { pair: number; kz: number; radius: number; multiplicity: number }[] = [];
  for (let kx = 0; kx <= most; kx++) {
    for (let magnitude = 0; kx * kx + magnitude * magnitude <= last * last; magnitude++) {
      for (const ky of magnitude === 0 ? [0] : [magnitude, -magnitude]) {
        const pair = pairs.push([kx, ky]) - 1;
        for (let kz = -most; kz <= most; kz++) {
          const radius = Math.sqrt(kx * kx + ky * ky + kz * kz);
          if (radius >= first && radius <= last)
            found.push({ pair, kz, radius, multiplicity: kx === 0 ? 1 : 2 });
        }
      }
    }
  }
  const shellOf = (radius: number): number =>
    Math.round(SHELLS_PER_INDEX * radius) - Math.round(SHELLS_PER_INDEX * first);
  const shells = found.length === 0 ? 0 : 1 + Math.max(...found.map(({ radius }) => shellOf(radius)));
  const counts = new Float64Array(shells);
  const squaredFrequency = new Float64Array(shells);
  for (const { radius, multiplicity } of found) {
    counts[shellOf(radius)] += multiplicity;
    squaredFrequency[shellOf(radius)] += multiplicity * (radius / edge) ** 2;
  }
  for (let r = 0; r < shells; r++) squaredFrequency[r] /= counts[r] || 1;
  const coefficients = found.map(({ radius, ...rest }) => ({ ...rest, shell: shellOf(radius) }));
  return { windowVoxels, most, pairs, coefficients, shells, squaredFrequency, counts };
}

/** Lattice of the requested windows: centres at voxels (iz, iy, ix) * step. */
export interface WindowLattice {
  readonly shape: Shape;
  /** Voxels between lattice points. */
  readonly step: number;
  /** 1 where the window is requested; (z, y, x), x fastest. */
  readonly wanted: Uint8Array;
}

/**
 * Receives the lattice index of a point and, per product, the sums over its shells; the arrays are reused.
 */
export type SpectraVisitor = (point: number, sums: readonly Float64Array[]) => void;

/**
 * Sums of Re(F_i conj F_j) over shells, for the pairs (i, j) of maps in `products`, at every requested point
 * in ascending order. Voxels outside the box have the value `pads[i]`. Planes are allocated in `memory`.
 */
export function forEachWindowSpectra(
  maps: readonly Float32Array[],
  shape: Shape,
  pads: readonly number[],
  plan: WindowPlan,
  lattice: WindowLattice,
  products: readonly (readonly [number, number])[],
  visit: SpectraVisitor,
  memory: HostMemory = HEAP,
): void {
  if (maps.some((map) => map.length !== voxelCount(shape)))
    throw new LocScaleError('internal', 'The maps of a window spectrum have different numbers of voxels.');
  const [lz, ly, lx] = lattice.shape;
  const columns = listColumns(lattice);
  if (columns.length === 0) return;
  const h = plan.windowVoxels / 2;
  const tables = makeTables(plan);
  const pairs = plan.pairs.length;
  const planeFloats = 2 * pairs * columns.length;
  const ring = maps.map(() => memory.allocateHost(planeFloats * (2 * h - 1)));
  const rowStage = createRowStage(shape, plan, tables, columns, lattice);
  const windowStage = createWindowStage(plan, tables, maps.length, products);
  const slot = (z: number): number => (((z % (2 * h - 1)) + 2 * h - 1) % (2 * h - 1)) * planeFloats;

  let filled = Number.NEGATIVE_INFINITY;
  for (let iz = 0; iz < lz; iz++) {
    const wantedColumns = columns.filter((column) => lattice.wanted[iz * ly * lx + column] === 1);
    if (wantedColumns.length === 0) continue;
    const centre = iz * lattice.step;
    for (let z = Math.max(filled + 1, centre - h + 1); z <= centre + h - 1; z++)
      for (let m = 0; m < maps.length; m++)
        rowStage(maps[m], pads[m], z, ring[m].subarray(slot(z), slot(z) + planeFloats));
    filled = centre + h - 1;
    for (let c = 0; c < columns.length; c++) {
      const point = iz * ly * lx + columns[c];
      if (lattice.wanted[point] === 0) continue;
      visit(
        point,
        windowStage((m, d) =>
          ring[m].subarray(slot(centre + d) + 2 * pairs * c, slot(centre + d) + 2 * pairs * (c + 1)),
        ),
      );
    }
  }
  for (const planes of ring) memory.freeHost(planes);
}

/**
 * Memory in bytes of `forEachWindowSpectra` for this number of maps, and of its caller for the sums of signal
 * and of one more map.
 */
export function windowSpectraBytes(plan: WindowPlan, lattice: WindowLattice, maps: number): number {
  const columns = listColumns(lattice);
  const lx = lattice.shape[2];
  const rows = new Set(columns.map((column) => Math.floor(column / lx))).size * lattice.step;
  const places = new Set(columns.map((column) => column % lx)).size;
  const windows = lattice.wanted.reduce((sum, wanted) => sum + wanted, 0);
  const width = 2 * plan.windowVoxels - 1;
  return (
    4 * maps * 2 * plan.pairs.length * columns.length * (plan.windowVoxels - 1) +
    8 * 2 * (plan.most + 1) * places * (rows + width) +
    8 * 2 * plan.shells * windows
  );
}

/** (y, x) lattice indices, iy * lx + ix, with a requested point at any z. */
function listColumns({ shape: [lz, ly, lx], wanted }: WindowLattice): number[] {
  const columns: number[] = [];
  for (let column = 0; column < ly * lx; column++)
    for (let iz = 0; iz < lz; iz++)
      if (wanted[iz * ly * lx + column] === 1) {
        columns.push(column);
        break;
      }
  return columns;
}

interface Tables {
  /**
   * [k * h + d]: taper times cos and sin of 2 pi k d / w, k = 0 ... most, d = 0 ... h - 1; d = -h has taper
   * 0.
   */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

function makeTables({ windowVoxels, most }: WindowPlan): Tables {
  const h = windowVoxels / 2;
  const cos = new Float64Array((most + 1) * h);
  const sin = new Float64Array((most + 1) * h);
  for (let k = 0; k <= most; k++) {
    for (let d = 0; d < h; d++) {
      const taper = Math.cos((Math.PI * d) / windowVoxels) ** 2;
      const angle = (2 * Math.PI * ((k * d) % windowVoxels)) / windowVoxels;
      cos[k * h + d] = taper * Math.cos(angle);
      sin[k * h + d] = taper * Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** Transforms windows about `centres` of a row along x: (re, im) per kx and centre, to `rows` from `to`. */
function createRowTransform(
  h: number,
  width: number,
  { cos, sin }: Tables,
  centres: readonly number[],
  rows: Float64Array,
): (padded: Float64Array, to: number) => void {
  const even = new Float64Array(h);
  const odd = new Float64Array(h);
  return (padded, to) => {
    for (const centre of centres) {
      even[0] = padded[centre];
      for (let d = 1; d < h; d++) {
        even[d] = padded[centre + d] + padded[centre - d];
        odd[d] = padded[centre + d] - padded[centre - d];
      }
      for (let k = 0; k < width; k++) {
        let re = even[0];
        let im = 0;
        for (let d = 1, at = k * h + 1; d < h; d++, at++) {
          re += even[d] * cos[at];
          im -= odd[d] * sin[at];
        }
        rows[to++] = re;
        rows[to++] = im;
      }
    }
  };
}

/** Transforms plane z along x and y: out[2 (pair + pairs * column)], re and im. */
function createRowStage(
  [nz, ny, nx]: Shape,
  { windowVoxels, most, pairs }: WindowPlan,
  { cos, sin }: Tables,
  columns: readonly number[],
  { shape: [, , lx], step }: WindowLattice,
): (map: Float32Array, pad: number, z: number, out: Float32Array) => void {
  const h = windowVoxels / 2;
  const width = most + 1;
  const xs = [...new Set(columns.map((column) => column % lx))].sort((a, b) => a - b);
  const placeOf = new Map(xs.map((x, i) => [x, i]));
  const rowFloats = 2 * width * xs.length;
  const firstRow = Math.min(...columns.map((column) => Math.floor(column / lx))) * step - h + 1;
  const lastRow = Math.max(...columns.map((column) => Math.floor(column / lx))) * step + h - 1;
  const rows = new Float64Array(rowFloats * (lastRow - firstRow + 1));
  const margin = h + step;
  const centres = xs.map((ix) => ix * step + margin);
  const transformRow = createRowTransform(h, width, { cos, sin }, centres, rows);
  const padded = new Float64Array(nx + 2 * margin);
  const even = new Float64Array(2 * h);
  const odd = new Float64Array(2 * h);

  function transformColumn(column: number, out: Float32Array, to: number): void {
    const centre = Math.floor(column / lx) * step - firstRow;
    const place = 2 * width * (placeOf.get(column % lx) ?? 0);
    for (let p = 0; p < pairs.length; ) {
      const kx = pairs[p][0];
      const base = place + 2 * kx;
      for (let d = 0; d < h; d++) {
        const above = base + (centre + d) * rowFloats;
        const below = base + (centre - d) * rowFloats;
        const both = d === 0 ? 0 : 1;
        even[2 * d] = rows[above] + both * rows[below];
        even[2 * d + 1] = rows[above + 1] + both * rows[below + 1];
        odd[2 * d] = rows[above] - rows[below];
        odd[2 * d + 1] = rows[above + 1] - rows[below + 1];
      }
      for (; p < pairs.length && pairs[p][0] === kx; ) {
        const ky = pairs[p][1];
        let reCos = 0;
        let imCos = 0;
        let reSin = 0;
        let imSin = 0;
        for (let d = 0, at = ky * h; d < h; d++, at++) {
          reCos += even[2 * d] * cos[at];
          imCos += even[2 * d + 1] * cos[at];
          reSin += odd[2 * d] * sin[at];
          imSin += odd[2 * d + 1] * sin[at];
        }
        out[to + 2 * p] = reCos + imSin;
        out[to + 2 * p + 1] = imCos - reSin;
        p++;
        if (ky === 0) continue;
        out[to + 2 * p] = reCos - imSin;
        out[to + 2 * p + 1] = imCos + reSin;
        p++;
      }
    }
  }

  return (map, pad, z, out) => {
    for (let y = firstRow; y <= lastRow; y++) {
      padded.fill(pad);
      if (z >= 0 && z < nz && y >= 0 && y < ny) {
        const start = (z * ny + y) * nx;
        for (let x = 0; x < nx; x++) padded[margin + x] = map[start + x];
      }
      transformRow(padded, (y - firstRow) * rowFloats);
    }
    for (let c = 0; c < columns.length; c++) transformColumn(columns[c], out, 2 * pairs.length * c);
  };
}

/** Transforms one window along z and sums the products over shells. */
function createWindowStage(
  { windowVoxels, most, pairs, coefficients, shells }: WindowPlan,
  { cos, sin }: Tables,
  mapCount: number,
  products: readonly (readonly [number, number])[],
): (planeOf: (map: number, d: number) => Float32Array) => readonly Float64Array[] {
  const h = windowVoxels / 2;
  const floats = 2 * pairs.length;
  const even = new Float64Array(floats * h);
  const odd = new Float64Array(floats * h);
  const levels = 2 * most + 1;
  /** [2 (pair * levels + kz + most)] of each map. */
  const spectra = Array.from({ length: mapCount }, () => new Float64Array(floats * levels));
  const places = Int32Array.from(coefficients, ({ pair, kz }) => 2 * (pair * levels + kz + most));
  const shellOf = Int32Array.from(coefficients, ({ shell }) => shell);
  const multiplicity = Float64Array.from(coefficients, (c) => c.multiplicity);
  /** Largest |kz| that any coefficient of the pair has. */
  const deepest = new Int32Array(pairs.length).fill(-1);
  for (const { pair, kz } of coefficients) deepest[pair] = Math.max(deepest[pair], kz);
  const sums = products.map(() => new Float64Array(shells));

  return (planeOf) => {
    for (let m = 0; m < mapCount; m++) {
      for (let d = 0; d < h; d++) {
        const above = planeOf(m, d);
        const below = planeOf(m, -d);
        const both = d === 0 ? 0 : 1;
        for (let i = 0; i < floats; i++) {
          // [i * h + d]: the sums below run over d.
          even[i * h + d] = above[i] + both * below[i];
          odd[i * h + d] = above[i] - below[i];
        }
      }
      const spectrum = spectra[m];
      for (let p = 0; p < pairs.length; p++) {
        const re = 2 * p * h;
        const im = re + h;
        const zero = 2 * (p * levels + most);
        for (let k = 0; k <= deepest[p]; k++) {
          let reCos = 0;
          let imCos = 0;
          let reSin = 0;
          let imSin = 0;
          for (let d = 0, at = k * h; d < h; d++, at++) {
            reCos += even[re + d] * cos[at];
            imCos += even[im + d] * cos[at];
            reSin += odd[re + d] * sin[at];
            imSin += odd[im + d] * sin[at];
          }
          spectrum[zero + 2 * k] = reCos + imSin;
          spectrum[zero + 2 * k + 1] = imCos - reSin;
          spectrum[zero - 2 * k] = reCos - imSin;
          spectrum[zero - 2 * k + 1] = imCos + reSin;
        }
      }
    }
    for (let q = 0; q < products.length; q++) {
      const a = spectra[products[q][0]];
      const b = spectra[products[q][1]];
      const sum = sums[q].fill(0);
      for (let c = 0; c < places.length; c++) {
        const at = places[c];
        sum[shellOf[c]] += multiplicity[c] * (a[at] * b[at] + a[at + 1] * b[at + 1]);
      }
    }
    return sums;
  };
}
