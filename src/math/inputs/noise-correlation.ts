/**
 * Correlation of the noise of two half maps. High frequencies are compared (the discrete Laplacian of the
 * maps), because solvent, neighbours and gradients are common to both halves at low ones; and the blocks with
 * the least power, because a molecule adds power wherever it is.
 */
import type { Shape } from '../grid.ts';

export interface NoiseCorrelation {
  /** Correlation of the noise, -1 ... 1; undefined if a mask has left none. */
  readonly correlation: number | undefined;
  /** Variance of the noise of the second map over that of the first. */
  readonly powerRatio: number | undefined;
  /** Fraction of the blocks that a mask has emptied. */
  readonly emptyShare: number;
}

/** Blocks along the shortest edge. */
const BLOCKS = 6;
const SMALLEST_BLOCK = 3;
/** A block is empty below this share of the power of the strongest one. */
const EMPTY_POWER = 1e-7;
/**
 * A sphere that touches the faces leaves 48 % of the box outside. With more, edges of a mask are all there
 * is.
 */
const MOST_EMPTY = 0.55;
/** Fraction of the candidate blocks, those with the least power, taken as noise. */
const NOISE_SHARE = 1 / 2;

interface Block {
  readonly outside: boolean;
  readonly powerA: number;
  readonly powerB: number;
  readonly cross: number;
}

export function correlateNoise(a: ArrayLike<number>, b: ArrayLike<number>, shape: Shape): NoiseCorrelation {
  const blocks = blocksOf(a, b, shape);
  const power = ({ powerA, powerB }: Block): number => Math.sqrt(powerA * powerB);
  const most = blocks.reduce((high, block) => Math.max(high, power(block)), 0);
  const filled = blocks.filter((block) => power(block) > EMPTY_POWER * most);
  const emptyShare = blocks.length === 0 ? 0 : 1 - filled.length / blocks.length;
  if (filled.length === 0 || emptyShare > MOST_EMPTY)
    return { correlation: undefined, powerRatio: undefined, emptyShare };
  const outer = filled.filter(({ outside }) => outside);
  const enough = outer.length >= 0.25 * blocks.filter(({ outside }) => outside).length && outer.length >= 8;
  const candidates = (enough ? outer : filled).toSorted((one, other) => power(one) - power(other));
  const noise = candidates.slice(0, Math.max(1, Math.ceil(NOISE_SHARE * candidates.length)));
  const sum = (of: (block: Block) => number): number => noise.reduce((total, block) => total + of(block), 0);
  const powerA = sum((block) => block.powerA);
  const powerB = sum((block) => block.powerB);
  return {
    correlation: sum(({ cross }) => cross) / Math.sqrt(powerA * powerB),
    powerRatio: powerB / powerA,
    emptyShare,
  };
}

function blocksOf(a: ArrayLike<number>, b: ArrayLike<number>, shape: Shape): Block[] {
  const edge = Math.max(SMALLEST_BLOCK, Math.floor((Math.min(...shape) - 2) / BLOCKS));
  const [countZ, countY, countX] = shape.map((n) => Math.floor((n - 2) / edge)) as unknown as Shape;
  const blocks: Block[] = [];
  for (let z = 0; z < countZ; z++)
    for (let y = 0; y < countY; y++)
      for (let x = 0; x < countX; x++) {
        const start = [1 + z * edge, 1 + y * edge, 1 + x * edge] as const;
        // Distance from the centre of the box, 1 on the ellipsoid that touches its faces.
        const radius = Math.hypot(...start.map((at, axis) => (2 * (at + edge / 2)) / shape[axis] - 1));
        blocks.push({ outside: radius > 1, ...blockSums(a, b, shape, start, edge) });
      }
  return blocks;
}

function blockSums(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  [, ny, nx]: Shape,
  [z0, y0, x0]: readonly [number, number, number],
  edge: number,
): Omit<Block, 'outside'> {
  const plane = ny * nx;
  let powerA = 0;
  let powerB = 0;
  let cross = 0;
  for (let z = z0; z < z0 + edge; z++)
    for (let y = y0; y < y0 + edge; y++)
      for (let i = z * plane + y * nx + x0, end = i + edge; i < end; i++) {
        const u = 6 * a[i] - a[i - 1] - a[i + 1] - a[i - nx] - a[i + nx] - a[i - plane] - a[i + plane];
        const v = 6 * b[i] - b[i - 1] - b[i + 1] - b[i - nx] - b[i + nx] - b[i - plane] - b[i + plane];
        powerA += u * u;
        powerB += v * v;
        cross += u * v;
      }
  return { powerA, powerB, cross };
}
