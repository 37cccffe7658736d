/**
 * The loop over the bands of a soft scaling (math/soft-scaling/), the same for both engines: what a band
 * gives depends on the job and its index only. An engine holds spectra, one band, and fields of one value per
 * block.
 */
import { LocScaleError } from '../errors.ts';
import type { BandPlan } from '../math/soft-scaling/bands.ts';
import { type LocalFields, LocalMeasures } from '../math/soft-scaling/local-measures.ts';
import {
  type AmplitudeSums,
  type BandStep,
  type BandSummary,
  type BandSums,
  type GainRule,
  LEVEL_BANDS,
  refinesGains,
  type TargetPlan,
  usesReference,
} from '../math/soft-scaling/targets.ts';
import { type BandTilt, bandTilts } from '../math/soft-scaling/tilts.ts';
import { spreadBlocks } from '../math/soft-scaling/windows.ts';
import type { BandScalingRun, BandScalingSettings, LocalBandMaps, ScaledBand, Volume } from './engine.ts';

export type BandSpectrum = 'mean' | 'difference' | 'reference';

/** The operations of an engine on one job; a band is measured, then gets its gains, then is added or read. */
export interface BandDevice {
  /** Squares of a band per block; the voxels of 'mean', which is measured last, stay. */
  measure(band: number, spectrum: BandSpectrum): Promise<BandSums>;
  /** Squared moduli of a spectrum over shells (math/soft-scaling/tilts.ts). */
  shellPowers(spectrum: BandSpectrum): Promise<ArrayLike<number>>;
  /** From now on bands of the mean and of the difference are tilted. */
  tilt(tilts: readonly BandTilt[]): void;
  /** Windows over the squares measured last, S to the level, gains of them. */
  makeGains(band: number, rule: GainRule): Promise<void>;
  /** Windows over these squares times the gains made, and those gains corrected. */
  refineGains(band: number, rule: GainRule): Promise<void>;
  /** Sums of the gains made for a band. */
  amplitudes(band: number): Promise<AmplitudeSums>;
  /** S and P behind the windows of the last gains, before they are refined. */
  readPowers(): Promise<{ signal: Float32Array; power: Float32Array }>;
  /** Result += voxels of the band times its gains. */
  accumulate(): Promise<void>;
  readBand(): Promise<{ voxels: Float32Array; gains: Float32Array }>;
  /** Puts a band and gains in place of those made here. */
  writeBand(voxels: Float32Array, gains: Float32Array): Promise<void>;
  /** The result, faded and cut. */
  takeResult(): Promise<Volume>;
  /** A volume that `fill` writes; it gets the mask, if the job has one. */
  publish(fill: (out: Float32Array, mask: Float32Array | undefined) => void): Promise<Volume>;
  release(...volumes: Volume[]): void;
  close(): Promise<void>;
}

interface ScaledStep {
  readonly step: BandStep;
  /** Where local measures are made. */
  readonly powers: { readonly signal: Float32Array; readonly power: Float32Array } | undefined;
}

type Measured = Partial<Record<BandSpectrum, BandSums>> & { readonly mean: BandSums };

const NOTHING: AmplitudeSums = { wanted: 0, reached: 0 };

export async function createBandRun(
  device: BandDevice,
  plan: BandPlan,
  targets: TargetPlan,
  settings: BandScalingSettings,
  powerScale: number,
): Promise<BandScalingRun> {
  const { halfMaps, target, measureLocal = false } = settings;
  const measures = measureLocal ? new LocalMeasures(plan, halfMaps) : undefined;
  const measure = async (band: number): Promise<Measured> => ({
    ...(usesReference(target) && { reference: await device.measure(band, 'reference') }),
    ...(halfMaps && { difference: await device.measure(band, 'difference') }),
    mean: await device.measure(band, 'mean'),
  });
  if (target.kind === 'hybrid') await matchReference(plan, targets, measure);
  if (refinesGains(settings) && halfMaps) {
    const tilts = await measureTilts(device, plan);
    device.tilt(tilts);
    measures?.tilt(tilts);
  }

  const scale = (band: number): Promise<ScaledStep> => scaleBand(band, device, targets, settings, measure);
  const summaries: BandSummary[] = [];
  return {
    async run({ signal, onProgress } = {}) {
      const steps: BandStep[] = [];
      for (let band = 0; band < plan.count; band++) {
        signal?.throwIfAborted();
        const { step, powers } = await scale(band);
        steps.push(step);
        if (powers) measures?.add(band, powers.signal, powers.power);
        if (step.rule.contributes) await device.accumulate();
        onProgress?.(band + 1, plan.count);
      }
      // Together, so that a GPU does not wait for every band.
      for (const [band, step] of steps.entries()) summaries.push(await summariseBand(device, band, step));
    },
    async scaleBand(index, signal) {
      signal?.throwIfAborted();
      const { step, powers } = await scale(index);
      return {
        index,
        summary: await summariseBand(device, index, step),
        ...(step.rule.contributes && (await device.readBand())),
        ...powers,
      };
    },
    async addBand(band) {
      checkNext(band, summaries.length);
      summaries.push(band.summary);
      if (measures && band.signal && band.power) measures.add(band.index, band.signal, band.power);
      if (!band.voxels || !band.gains) return;
      await device.writeBand(band.voxels, band.gains);
      await device.accumulate();
    },
    async finish() {
      const local = measures?.finish(powerScale);
      const scaled = await device.takeResult();
      try {
        return { scaled, bands: summaries, ...(local && { local: await publishLocal(device, plan, local) }) };
      } catch (error) {
        device.release(scaled);
        throw error;
      }
    },
    close: () => device.close(),
  };
}

/**
 * Makes the gains of a band, after those of the level's bands that it needs; with refined gains, measures the
 * scaled band once more. Leaves band and gains on the device.
 */
async function scaleBand(
  band: number,
  device: BandDevice,
  targets: TargetPlan,
  settings: BandScalingSettings,
  measure: (band: number) => Promise<Measured>,
): Promise<ScaledStep> {
  const { measureLocal = false } = settings;
  for (const level of targets.missingLevels(band)) {
    const { mean, difference } = await measure(level);
    const { rule } = targets.next(level, mean, difference);
    if (rule.addsToLevel) await device.makeGains(level, { ...rule, contributes: false });
  }
  const { mean, difference } = await measure(band);
  const step = targets.next(band, mean, difference);
  const { contributes, addsToLevel } = step.rule;
  if (contributes || addsToLevel || measureLocal) await device.makeGains(band, step.rule);
  const powers = measureLocal ? await device.readPowers() : undefined;
  if (refinesGains(settings) && contributes) await device.refineGains(band, step.rule);
  return { step, powers };
}

async function measureTilts(device: BandDevice, plan: BandPlan): Promise<BandTilt[]> {
  const mean = await device.shellPowers('mean');
  const difference = await device.shellPowers('difference');
  return bandTilts(plan, { mean, difference, reference: await device.shellPowers('reference') });
}

async function summariseBand(
  device: BandDevice,
  band: number,
  { rule, summarise }: BandStep,
): Promise<BandSummary> {
  return summarise(rule.contributes ? await device.amplitudes(band) : NOTHING);
}

function checkNext({ index }: ScaledBand, expected: number): void {
  if (index === expected) return;
  throw new LocScaleError('internal', 'Bands are added in ascending order, each once.', {
    expected: `band ${expected}`,
    found: `band ${index}`,
  });
}

async function matchReference(
  { count }: BandPlan,
  targets: TargetPlan,
  measure: (band: number) => Promise<Measured>,
): Promise<void> {
  let [signals, references] = [0, 0];
  for (const band of LEVEL_BANDS) {
    if (band >= count) continue;
    const { mean, difference, reference } = await measure(band);
    signals += mean.inside - (difference?.inside ?? 0);
    references += reference?.inside ?? 0;
  }
  targets.matchReference(signals, references);
}

async function publishLocal(
  device: BandDevice,
  plan: BandPlan,
  { bFactor, resolution, signal }: LocalFields,
): Promise<LocalBandMaps> {
  const made: Volume[] = [];
  const publish = async (field: Float32Array): Promise<Volume> => {
    const volume = await device.publish((out, mask) => spreadBlocks(plan, field, out, mask));
    made.push(volume);
    return volume;
  };
  try {
    return {
      ...(bFactor && { bFactor: await publish(bFactor) }),
      ...(resolution && { resolution: await publish(resolution) }),
      signal: await publish(signal),
    };
  } catch (error) {
    device.release(...made);
    throw error;
  }
}
