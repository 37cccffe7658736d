/** A follower rank: waits for orders, computes its share and sends the results to rank 0. */
import type {
  BandScalingMaps,
  BandScalingRun,
  Engine,
  LocalScalingJob,
  OpenedScaling,
  ScalingRun,
  Volume,
} from '../engine/engine.ts';
import { volumesOf } from '../engine/jobs.ts';
import { isLocScaleError, LocScaleError, named, stopIfAborted } from '../errors.ts';
import { type Shape, sameShape } from '../math/grid.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import { packBand } from '../pipeline/band-rounds.ts';
import { packTiles, type TileSet } from '../pipeline/tile-values.ts';
import type { Communicator } from './communicator.ts';
import { bytesOf, decodeOrder, floatsOf, type Order } from './orders.ts';

/** What a following rank works with. */
export interface FollowerTools {
  readonly communicator: Communicator;
  readonly engine: Engine;
  /** Present if the run uses a network. */
  readonly predictor?: ReferencePredictor | undefined;
  readonly signal?: AbortSignal;
}

/** A local scaling as this rank has opened it. */
interface OpenScaling {
  readonly job: LocalScalingJob;
  readonly opened: OpenedScaling;
  readonly set: TileSet;
  /** Undefined if memory was too small: the leader then sends smaller tiles. */
  readonly scaling: ScalingRun | undefined;
}

/** A soft scaling as this rank has started it. */
interface OpenBands {
  readonly maps: BandScalingMaps;
  readonly run: BandScalingRun;
}

/** Serves orders until the leading rank ends the run. */
export async function follow(tools: FollowerTools): Promise<void> {
  const { communicator, engine, signal } = tools;
  const orFailure = <T>(work: Promise<T>): Promise<T> => Promise.race([work, communicator.failure]);
  let scaling: OpenScaling | undefined;
  let bands: OpenBands | undefined;
  for (;;) {
    const order = decodeOrder(await orFailure(communicator.broadcast(undefined)));
    stopIfAborted(signal);
    switch (order.kind) {
      case 'open-scaling':
        scaling = await openScaling(order, tools, orFailure);
        break;
      case 'resize-scaling':
        if (scaling === undefined) throw new LocScaleError('internal', 'Tiles came before their job.');
        await closeTiles(scaling, engine);
        scaling = await startTiles(scaling, order.tileSize, tools, orFailure);
        break;
      case 'scale': {
        const values = await scaleShare(order.shares[communicator.rank], scaling, engine, signal);
        await orFailure(communicator.gather(bytesOf(values)));
        break;
      }
      case 'close-scaling':
        if (scaling !== undefined) await closeScaling(scaling, engine);
        scaling = undefined;
        break;
      case 'open-bands':
        bands = await openBands(order, tools, orFailure);
        break;
      case 'scale-bands':
        await scaleBand(order, bands, tools, orFailure);
        break;
      case 'close-bands':
        await bands?.run.close();
        engine.release(...Object.values(bands?.maps ?? {}));
        bands = undefined;
        break;
      case 'predict':
        await predictShare(order, tools, orFailure);
        break;
      case 'end':
        return;
    }
  }
}

/** Work that ends when any rank has failed, not only when its message comes. */
type OrFailure = <T>(work: Promise<T>) => Promise<T>;

const NOTHING = new Uint8Array(0);

/** Receives settings and volumes; answers with the tile size that fits in memory here. */
async function openScaling(
  { engine: leads, shape, tileSize, settings, volumes }: Extract<Order, { kind: 'open-scaling' }>,
  tools: FollowerTools,
  orFailure: OrFailure,
): Promise<OpenScaling> {
  const { engine } = tools;
  checkEngine(leads, tools);
  const received = await receiveVolumes(volumes, shape, tools, orFailure);
  const job = { ...settings, ...received } as LocalScalingJob;
  const mask = await engine.download(job.mask);
  const opened = await engine.openLocalScaling(job);
  return startTiles({ job, opened, set: { shape, tileSize, mask } }, tileSize, tools, orFailure);
}

/** Opens a job with tiles of this size, or answers with the largest size that fits in memory. */
async function startTiles(
  { job, opened, set }: Pick<OpenScaling, 'job' | 'opened' | 'set'>,
  tileSize: Shape,
  { communicator, engine }: FollowerTools,
  orFailure: OrFailure,
): Promise<OpenScaling> {
  let scaling: ScalingRun | undefined = await startOrSmaller(job, opened, tileSize);
  const size = scaling.tileSize;
  if (!sameShape(size, tileSize)) {
    await closeTiles({ scaling }, engine);
    scaling = undefined;
  }
  await orFailure(communicator.gather(bytesOf(Float32Array.from(size))));
  return { job, opened, set: { ...set, tileSize }, scaling };
}

/** Opens a run with tiles of this size, or with the largest that fit in the engine's memory. */
async function startOrSmaller(
  job: LocalScalingJob,
  opened: OpenedScaling,
  tileSize: Shape,
): Promise<ScalingRun> {
  try {
    return await opened.start(job, tileSize);
  } catch (error) {
    if (!isLocScaleError(error) || error.tag !== 'out-of-memory') throw error;
    const smaller = await opened.start(job);
    if (smaller.tileSize.some((edge, axis) => edge < tileSize[axis])) return smaller;
    if (sameShape(smaller.tileSize, tileSize)) return smaller;
    await smaller.close();
    throw error;
  }
}

/** Keeps the volumes, for smaller tiles. */
async function closeTiles({ scaling }: Pick<OpenScaling, 'scaling'>, engine: Engine): Promise<void> {
  if (scaling === undefined) return;
  await scaling.close();
  engine.release(...volumesOf(scaling.result));
}

/** Receives settings and volumes, and starts all bands but the scaling. */
async function openBands(
  { engine: leads, settings, volumes }: Extract<Order, { kind: 'open-bands' }>,
  tools: FollowerTools,
  orFailure: OrFailure,
): Promise<OpenBands> {
  checkEngine(leads, tools);
  const maps = (await receiveVolumes(
    volumes,
    settings.shape,
    tools,
    orFailure,
  )) as unknown as BandScalingMaps;
  const run = await (await tools.engine.openBandScaling(settings)).start(maps);
  return { maps, run };
}

/**
 * This rank's band, if the round has one. It is sent after the bands before it, because bands are added in
 * order.
 */
async function scaleBand(
  { first, count }: Extract<Order, { kind: 'scale-bands' }>,
  open: OpenBands | undefined,
  { communicator, signal }: FollowerTools,
  orFailure: OrFailure,
): Promise<void> {
  if (open === undefined) throw new LocScaleError('internal', 'Bands came before their job.');
  const { rank } = communicator;
  const own = rank < count ? packBand(await open.run.scaleBand(first + rank, signal)) : NOTHING;
  for (let sender = 1; sender < count; sender++)
    await orFailure(communicator.gather(sender === rank ? own : NOTHING));
}

/** Different engines would compute different last digits. Throws 'no-device'. */
function checkEngine(leads: Engine['name'], { communicator, engine }: FollowerTools): void {
  if (leads === engine.name) return;
  throw new LocScaleError(
    'no-device',
    `Rank ${communicator.rank} computes on the ${engine.name.toUpperCase()}, rank 0 on the ` +
      `${leads.toUpperCase()}: their results would differ in the last digits.`,
    {
      parameter: 'engine',
      hint: `Choose the same with ${named('engine', 'gpu')} or ${named('engine', 'cpu')}.`,
    },
  );
}

/** Volumes by name, one broadcast each. */
async function receiveVolumes<Name extends string>(
  names: readonly Name[],
  shape: Shape,
  { communicator, engine }: FollowerTools,
  orFailure: OrFailure,
): Promise<Partial<Record<Name, Volume>>> {
  const volumes: Partial<Record<Name, Volume>> = {};
  for (const name of names) {
    const received = floatsOf(await orFailure(communicator.broadcast(undefined)));
    const voxels = engine.allocateHost(received.length);
    voxels.set(received);
    volumes[name] = await engine.upload(voxels, shape);
  }
  await orFailure(communicator.barrier());
  return volumes;
}

/** Scales the tiles at these first voxels; returns their values, packed. */
async function scaleShare(
  starts: readonly Shape[],
  open: OpenScaling | undefined,
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  if (open?.scaling === undefined) throw new LocScaleError('internal', 'Tiles came before their job.');
  const { set, scaling } = open;
  await scaling.run({ signal }, starts);
  const volumes = await Promise.all(volumesOf(scaling.result).map((volume) => engine.download(volume)));
  return packTiles(set, starts, volumes);
}

/** Ends the job and releases its volumes. */
async function closeScaling({ job, scaling }: OpenScaling, engine: Engine): Promise<void> {
  await closeTiles({ scaling }, engine);
  const { map, reference, mask, differenceMask } = job;
  const volumes = [map, reference, mask, differenceMask];
  engine.release(...volumes.filter((volume) => volume !== undefined));
}

/** Predicts this rank's cubes of every batch and pass. */
async function predictShare(
  { ranOn, counts, passes }: Extract<Order, { kind: 'predict' }>,
  { communicator, predictor }: FollowerTools,
  orFailure: OrFailure,
): Promise<void> {
  const { rank } = communicator;
  const cubes = floatsOf(await orFailure(communicator.scatter(undefined)));
  const count = counts[rank];
  if (predictor?.description !== ranOn) {
    throw new LocScaleError(
      'no-device',
      `The network runs as "${predictor?.description}" on rank ${rank}, as "${ranOn}" on rank 0: their ` +
        'results would differ in the last digits.',
      { parameter: 'provider', hint: `Choose the same with ${named('provider')}.` },
    );
  }
  const predicted = count === 0 ? cubes : await predictor.predict(cubes, count, passes[rank] ?? undefined);
  await orFailure(communicator.gather(bytesOf(predicted)));
}
