/**
 * An engine that tracks its live volumes and its peak memory, including the verbs' own. Volumes made by a
 * step are found and released without the step's help.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import { bandVolumes, volumesOf } from '../engine/jobs.ts';
import { voxelCount } from '../math/grid.ts';

/** Live volumes of an engine, and the peak of bytes in use: volumes and memory of verbs. */
export class VolumeLedger {
  readonly live = new Set<Volume>();
  peakBytes = 0;
  /** Heap that is collected late: values sorted for a confidence map, small copies of maps. */
  lateHeapBytes = 0;
  /** Maps in host memory that the engine has not got yet. */
  waitingBytes = 0;
  private readonly onPeak: () => void;

  /** `onPeak` is called whenever the peak rises. */
  constructor(onPeak: () => void) {
    this.onPeak = onPeak;
  }

  /** Bytes of the volumes that live now, float32. */
  liveBytes(): number {
    let bytes = this.waitingBytes;
    for (const { shape } of this.live) bytes += 4 * voxelCount(shape);
    return bytes;
  }

  /** Heap is about to be taken that stays taken for the rest of the run. */
  countLateHeap(bytes: number): void {
    this.count(bytes);
    this.lateHeapBytes += bytes;
  }

  /** Registers that `bytes` besides the live volumes are about to be allocated. */
  count(bytes: number): void {
    const now = this.liveBytes() + bytes;
    if (now <= this.peakBytes) return;
    this.peakBytes = now;
    this.onPeak();
  }
}

/** The same engine, whose volumes the ledger counts, with the peak of each verb. */
export function trackVolumes(engine: Engine, ledger: VolumeLedger): Engine {
  const { bytesOf } = engine;
  const { live } = ledger;
  const add = (volume: Volume): Volume => {
    live.add(volume);
    ledger.count(0);
    return volume;
  };
  /** A verb that takes `bytes` at most, its result among them. */
  const made = async (bytes: number, work: Promise<Volume>): Promise<Volume> => {
    ledger.count(bytes);
    return add(await work);
  };
  return {
    name: engine.name,
    description: engine.description,
    memoryLimitBytes: engine.memoryLimitBytes,
    bytesOf,
    allocateHost: (voxels) => engine.allocateHost(voxels),
    freeHost: (data) => engine.freeHost(data),
    upload: async (data, shape) => add(await engine.upload(data, shape)),
    download: (volume) => engine.download(volume),
    inspect: (volume, body) => engine.inspect(volume, body),
    release(...volumes) {
      for (const volume of volumes) live.delete(volume);
      engine.release(...volumes);
    },
    average: (a, b) => made(bytesOf.average(a.shape), engine.average(a, b)),
    statistics: (volume, where) => engine.statistics(volume, where),
    async binarise(volume, threshold) {
      ledger.count(bytesOf.binarise(volume.shape));
      const result = await engine.binarise(volume, threshold);
      add(result.mask);
      return result;
    },
    radialFilter: (volume, transfer) =>
      made(bytesOf.radialFilter(volume.shape), engine.radialFilter(volume, transfer)),
    randomisePhases: (volume, phases) =>
      made(bytesOf.randomisePhases(volume.shape), engine.randomisePhases(volume, phases)),
    translate: (volume, shift) => made(bytesOf.translate(volume.shape), engine.translate(volume, shift)),
    resample: (volume, shape) => made(bytesOf.resample(volume.shape, shape), engine.resample(volume, shape)),
    simulateMap: (atoms, grid, options) =>
      made(bytesOf.simulateMap(atoms.count, grid), engine.simulateMap(atoms, grid, options)),
    symmetrise: (volume, operators, options) =>
      made(
        bytesOf.symmetrise(volume.shape, operators, options),
        engine.symmetrise(volume, operators, options),
      ),
    shellSpectra(a, b, rule) {
      ledger.count(bytesOf.shellSpectra(a.shape, a === b ? 1 : 2));
      return engine.shellSpectra(a, b, rule);
    },
    noiseStatistics: (volume, boxes) => engine.noiseStatistics(volume, boxes),
    confidenceMap(volume, noise) {
      const bytes = bytesOf.confidenceMap(volume.shape);
      if (engine.name === 'cpu') ledger.lateHeapBytes += bytes - 4 * voxelCount(volume.shape);
      return made(bytes, engine.confidenceMap(volume, noise));
    },
    ...trackJobs(engine, ledger, add),
    localFilter: (volume, cutoffs, bins) =>
      made(bytesOf.localFilter(volume.shape), engine.localFilter(volume, cutoffs, bins)),
    dispose: () => engine.dispose(),
  };
}

/** Jobs take their memory when they start, and give results of their own. */
function trackJobs(
  engine: Engine,
  ledger: VolumeLedger,
  add: (volume: Volume) => Volume,
): Pick<Engine, 'openLocalScaling' | 'openLocalResolution' | 'openBandScaling'> {
  return {
    async openLocalScaling(settings) {
      const opened = await engine.openLocalScaling(settings);
      return {
        estimate: opened.estimate,
        prepare: opened.prepare,
        async start(maps, tileSize) {
          const run = await opened.start(maps, tileSize);
          for (const volume of volumesOf(run.result)) add(volume);
          ledger.count(opened.estimate.workingBytes);
          return run;
        },
      };
    },
    async openLocalResolution(settings) {
      const opened = await engine.openLocalResolution(settings);
      return {
        estimate: opened.estimate,
        async run(halves, hooks) {
          const results = 1 + (settings.correlationShells?.length ?? 0);
          ledger.count(opened.estimate.workingBytes + results * 4 * voxelCount(settings.mask.shape));
          const result = await opened.run(halves, hooks);
          for (const volume of [result.resolution, ...result.correlations]) add(volume);
          return result;
        },
      };
    },
    async openBandScaling(settings) {
      const { estimate, prepare, start } = await engine.openBandScaling(settings);
      return {
        estimate,
        prepare,
        async start(maps) {
          ledger.count(estimate.workingBytes + 4 * voxelCount(settings.shape));
          const run = await start(maps);
          return {
            ...run,
            async finish() {
              const result = await run.finish();
              for (const volume of bandVolumes(result)) add(volume);
              return result;
            },
          };
        },
      };
    },
  };
}
