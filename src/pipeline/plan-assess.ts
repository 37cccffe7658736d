/** What comparing maps with a model is given, what it would do, and how much memory it takes. */
import type { VerbBytes } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import type { Structure } from '../formats/structure.ts';
import { type Grid, voxelCount } from '../math/grid.ts';
import { partsOf } from './assess-model.ts';
import type { LocScaleContext } from './context.ts';
import type { LocScaleJob } from './job.ts';
import { bytesOfLocalCorrelation } from './local-correlation.ts';
import type { MapInput } from './map-input.ts';
import { bytesToMatch, type MapMatch } from './match-grids.ts';
import { gridOf, runOfGrid } from './read-maps.ts';

/** How maps are compared with a model. */
export interface AssessSettings {
  /** A: where model maps end. Default: that of the half maps within the mask. */
  readonly resolution?: number;
  /** A, around the atoms of a residue or chain. Default: 2, or half the resolution if that is more. */
  readonly radiusAngstrom?: number;
  /** A: standard deviation of the windows of the local correlation. Default: 3, or the resolution if more. */
  readonly localWindow?: number;
}

/** Maps, and the model that they are compared with. */
export interface AssessJob {
  /** The first map; of half maps their mean. */
  readonly input: LocScaleJob['input'];
  readonly structure: Structure;
  /** Further maps, on the same grid. */
  readonly against?: readonly MapInput[];
  /** Given with a single map, they determine the resolution. */
  readonly halfMaps?: readonly [MapInput, MapInput];
  /** Weights from 0 to 1 instead of the mask around the atoms. */
  readonly mask?: MapInput;
  /** What the maps are called; default: by their files. */
  readonly labels?: readonly string[];
  readonly settings?: AssessSettings;
}

/** Names of files without their folders and endings; equal ones are numbered. */
export function mapLabels({ input, against = [], labels }: Pick<AssessJob, 'input' | 'against' | 'labels'>) {
  const count = 1 + against.length;
  if (labels !== undefined && labels.length !== count)
    throw new LocScaleError('usage', `${labels.length} labels are given for ${count} maps.`, {
      parameter: 'labels',
      expected: String(count),
      found: String(labels.length),
      hint: 'Give one label a map, in the order of the maps.',
    });
  const first = input.kind === 'map' ? stemOf(input.map.name) : 'half maps';
  const all = labels ?? [first, ...against.map(({ name }) => stemOf(name))];
  return all.map((label, i) => {
    const before = all.slice(0, i).filter((other) => other === label).length;
    return before === 0 ? label : `${label} (${before + 1})`;
  });
}

/** Name of a map in tables: its file without folder and endings. */
function stemOf(name: string): string {
  const base = name.split(/[/\\]/).at(-1) ?? name;
  return base.replace(/\.(gz|bz2)$/i, '').replace(/\.(mrc|map|ccp4|rec|st)$/i, '');
}

/** What is known before anything is computed. */
export interface AssessPlan {
  readonly grid: Grid;
  readonly labels: readonly string[];
  readonly atoms: number;
  readonly chains: number;
  readonly residues: number;
  /** Peak memory: volumes and the verbs' own. */
  readonly peakBytes: number;
  readonly memoryLimitBytes: number | undefined;
}

/** What a run would do and take; nothing is computed. */
export function planAssess(job: AssessJob, context: LocScaleContext): AssessPlan {
  const { engine } = context;
  const { input, mask, against = [], halfMaps = [] } = job;
  const matches: MapMatch[] = [];
  const run = runOfGrid({
    ...context,
    onMatch: (match) => {
      matches.push(match);
      context.onMatch?.(match);
    },
  });
  const { grid } = gridOf({ input, mask }, run, { maps: [...against, ...halfMaps] });
  const { residues, chains } = partsOf(job.structure.atoms);
  return {
    ...{ grid, labels: mapLabels(job) },
    ...{ atoms: job.structure.atoms.length, chains: chains.size, residues: residues.length },
    peakBytes: bytesOf(job, grid, matches, engine),
    memoryLimitBytes: engine.memoryLimitBytes,
  };
}

/** Peak bytes over the steps of an assessment, `volume` being one map. */
function bytesOf(
  { input, against = [], halfMaps, structure }: AssessJob,
  grid: Grid,
  matches: readonly MapMatch[],
  { bytesOf: verbs }: { readonly bytesOf: VerbBytes },
): number {
  const { shape } = grid;
  const volume = 4 * voxelCount(shape);
  const halves = input.kind === 'half-maps' || halfMaps !== undefined ? 2 : 0;
  const first = 1;
  const masks = 2;
  /** Regions and distances of the mask, in host memory. */
  const making = (first + halves) * volume + verbs.host(3 * volume);
  /** Half maps with random phases, times the mask. */
  const fsc =
    (first + halves + masks + 4) * volume + Math.max(verbs.randomisePhases(shape), verbs.shellSpectra(shape));
  const simulating = (first + masks) * volume + verbs.simulateMap(structure.atoms.length, grid);
  const comparing = (first + 1 + masks + 2 + against.length) * volume;
  /** Further maps and half maps come one at a time. */
  const matching = Math.max(0, ...matches.map((match) => bytesToMatch(match, verbs)));
  return Math.max(
    making,
    halves > 0 ? fsc : 0,
    simulating,
    comparing + volume + verbs.shellSpectra(shape, 2),
    comparing + matching,
    against.length > 0 ? comparing + bytesOfLocalCorrelation({ bytesOf: verbs }, shape) : 0,
  );
}
