/** The leading rank's side of a team: sends orders and collects the results. */
import type {
  BandScalingMaps,
  BandScalingSettings,
  Engine,
  LocalScalingJob,
  Volume,
} from '../engine/engine.ts';
import { type Shape, sameShape } from '../math/grid.ts';
import type { MonteCarloPass, ReferencePredictor } from '../network/graph/model.ts';
import type { SharedBands, SharedScaling, Team } from '../pipeline/team.ts';
import type { Communicator } from './communicator.ts';
import { bandVolumeNames, bytesOf, floatsOf, type Order, sendOrder, volumeNames } from './orders.ts';

/** The team of rank 0. */
export interface LeadingTeam extends Team {
  /** Ends the run on the other ranks. */
  end(): Promise<void>;
}

/** `communicator.rank` is 0. */
export function leadTeam(communicator: Communicator): LeadingTeam {
  /** Rejects as soon as another rank fails. */
  const orFailure = <T>(work: Promise<T>): Promise<T> => Promise.race([work, communicator.failure]);
  const order = async (what: Order): Promise<void> => {
    await orFailure(sendOrder(communicator, what));
  };
  const collect = async (own: Float32Array): Promise<Float32Array[]> => {
    const parts = (await orFailure(communicator.gather(bytesOf(own)))) as readonly Uint8Array[];
    return parts.map(floatsOf);
  };

  const sendVolumes = async <Name extends string>(
    volumes: Readonly<Partial<Record<Name, Volume>>>,
    present: readonly Name[],
    engine: Engine,
  ): Promise<void> => {
    for (const name of present) {
      const voxels = await engine.download(volumes[name] as Volume);
      await orFailure(communicator.broadcast(bytesOf(voxels)));
    }
    await orFailure(communicator.barrier());
  };

  return {
    size: communicator.size,
    description: `${communicator.size} processes, ${communicator.description}`,

    async openScaling(job: LocalScalingJob, tileSize: Shape, engine: Engine): Promise<SharedScaling> {
      const { map, reference, mask, differenceMask, ...settings } = job;
      const volumes = { map, reference, mask, differenceMask };
      const present = volumeNames.filter((name) => volumes[name] !== undefined);
      await order({
        kind: 'open-scaling',
        engine: engine.name,
        shape: map.shape,
        tileSize,
        settings,
        volumes: present,
      });
      await sendVolumes(volumes, present, engine);
      const agreed = await agreeOnTiles(tileSize, collect, order);
      let broken = false;
      return {
        tileSize: agreed,
        async scale(shares, own) {
          broken = true;
          await order({ kind: 'scale', shares });
          await orFailure(own());
          const [, ...others] = await collect(new Float32Array(0));
          broken = false;
          return others;
        },
        async close() {
          // In the middle of a round the other ranks do not wait for orders.
          if (!broken) await order({ kind: 'close-scaling' });
        },
      };
    },

    async openBands(
      settings: BandScalingSettings,
      maps: BandScalingMaps,
      engine: Engine,
    ): Promise<SharedBands> {
      const volumes = bandVolumeNames.filter((name) => maps[name] !== undefined);
      await order({ kind: 'open-bands', engine: engine.name, settings, volumes });
      await sendVolumes(maps, volumes, engine);
      return leadBands(communicator, order, orFailure);
    },

    sharePredictor: (predictor) => sharePredictor(predictor, communicator, order, collect),

    end: () => order({ kind: 'end' }),
  };
}

/** Reduces the tile size until the tiles fit in the memory of every rank. */
async function agreeOnTiles(
  wanted: Shape,
  collect: (own: Float32Array) => Promise<Float32Array[]>,
  order: (what: Order) => Promise<void>,
): Promise<Shape> {
  for (let agreed = wanted; ; ) {
    const sizes = await collect(Float32Array.from(agreed));
    const least = (axis: number): number => Math.min(...sizes.map((size) => size[axis]));
    const smallest: Shape = [least(0), least(1), least(2)];
    if (sameShape(smallest, agreed)) return agreed;
    agreed = smallest;
    await order({ kind: 'resize-scaling', tileSize: agreed });
  }
}

/** One gather per band, so that this rank holds a single received band at a time. */
function leadBands(
  communicator: Communicator,
  order: (what: Order) => Promise<void>,
  orFailure: <T>(work: Promise<T>) => Promise<T>,
): SharedBands {
  let broken = false;
  return {
    async scale(first, count, own, add) {
      broken = true;
      await order({ kind: 'scale-bands', first, count });
      await orFailure(own());
      for (let rank = 1; rank < count; rank++) {
        const parts = (await orFailure(communicator.gather(new Uint8Array(0)))) as readonly Uint8Array[];
        await add(parts[rank]);
      }
      broken = false;
    },
    async close() {
      // In the middle of a round the other ranks do not wait for orders.
      if (!broken) await order({ kind: 'close-bands' });
    },
  };
}

/** Splits every batch into nearly equal runs of cubes, one per rank. */
function sharePredictor(
  predictor: ReferencePredictor,
  communicator: Communicator,
  order: (what: Order) => Promise<void>,
  collect: (own: Float32Array) => Promise<Float32Array[]>,
): ReferencePredictor {
  const { size } = communicator;
  const { manifest, output, batchSize, secondsPerCube, description } = predictor;
  return {
    manifest,
    description,
    output,
    batchSize: batchSize * size,
    secondsPerCube: secondsPerCube / size,
    async predict(cubes, count, pass) {
      const counts = shareCubes(count, size);
      const firsts = counts.map((_, rank) => counts.slice(0, rank).reduce((sum, n) => sum + n, 0));
      const passes = firsts.map((first): MonteCarloPass | null =>
        pass === undefined ? null : { ...pass, firstCube: pass.firstCube + first },
      );
      const voxels = manifest.cubeEdge ** 3;
      const parts = firsts.map((first, rank) =>
        cubes.subarray(first * voxels, (first + counts[rank]) * voxels),
      );
      await order({ kind: 'predict', ranOn: description, counts, passes });
      await communicator.scatter(parts.map(bytesOf));
      const [own] = parts;
      const results = await collect(
        counts[0] === 0 ? own : await predictor.predict(own, counts[0], passes[0] ?? undefined),
      );
      const whole = new Float32Array(count * voxels);
      results.forEach((result, rank) => {
        whole.set(result, firsts[rank] * voxels);
      });
      return whole;
    },
    dispose: async () => undefined,
  };
}

/**
 * Cubes per rank, which differ by one at most; rank 0, which also cuts and blends, gets the smaller share.
 */
export function shareCubes(count: number, ranks: number): number[] {
  return Array.from(
    { length: ranks },
    (_, rank) => Math.floor(((rank + 1) * count) / ranks) - Math.floor((rank * count) / ranks),
  );
}
