/**
 * What the powers of the bands say about the surroundings of a voxel, as a by-product of the scaling: decay,
 * resolution and strength of its signal. With S_i and P_i the signal and the power of band i in the window
 * (targets.ts), U_i the power of the protein profile at B = 0, f_i the centre and d the spacing of the bands:
 *
 *   correlation  FSC_i = S_i / (2 P_i - S_i), of the half maps
 *   resolution   1 / f where FSC first falls below 0.143, linear between centres, from band 1 on
 *   B factor     ln(S_i / U_i) = const - b f_i^2, weighted fit over the bands from 0.1 1/A up to that fall;
 *                B = (h - sqrt(h^2 - 2 b v)) / v, h = 1/2, v = d^2 / 10: within a band low frequencies weigh
 *                more, so that b = B / 2 - v B^2 / 2, v the variance of f over hat^2. In bands tilted to a B
 *                factor B_t it is B / 2 - v (B^2 / 2 - B_t B): h = 1/2 + v B_t
 *   signal       sqrt(sum_i S_i), RMS density of the bands
 *
 * Fields are streamed: a few numbers per block for any number of bands.
 */
import { type BandPlan, independentTerms } from './bands.ts';
import { profilePowers, proteinProfile } from './profile.ts';
import type { BandTilt } from './tilts.ts';

/** FSC at which the resolution is read. */
const THRESHOLD = 0.143;
/** Lowest frequency of the fit, 1/A: below it shape and solvent determine the decay, not B factors. */
const FIT_START = 0.1;
const ROUNDING = 1e-6;
/** Variance of f over hat(f)^2, in units of the squared band spacing. */
const HAT_VARIANCE = 0.1;

export interface LocalFields {
  /**
   * A^2; 0 where fewer than two bands can be fitted. Undefined if the voxel size leaves fewer than two bands.
   */
  readonly bFactor: Float32Array | undefined;
  /** A. Undefined for a single map, which has no correlation. */
  readonly resolution: Float32Array | undefined;
  /** In the unit of the map. */
  readonly signal: Float32Array;
}

export class LocalMeasures {
  private readonly plan: BandPlan;
  private profile: Float64Array;
  /** B_t, A^2. */
  private tiltedBy = 0;
  private readonly hasHalfMaps: boolean;
  private readonly total: Float32Array;
  /** FSC of the preceding band; below the threshold once it has fallen. */
  private readonly correlation: Float32Array;
  private readonly cutoff: Float32Array;
  /** Sums of weight, x, y, x^2, x y. */
  private readonly sums: readonly Float32Array[];

  constructor(plan: BandPlan, hasHalfMaps: boolean) {
    this.plan = plan;
    this.hasHalfMaps = hasHalfMaps;
    this.profile = profilePowers(proteinProfile(0), plan);
    const [z, y, x] = plan.windows.blocks;
    const field = (): Float32Array => new Float32Array(z * y * x);
    this.total = field();
    this.correlation = field().fill(1);
    this.cutoff = field();
    this.sums = Array.from({ length: 5 }, field);
  }

  /** Bands that follow are tilted. */
  tilt(tilts: readonly BandTilt[]): void {
    const { plan } = this;
    this.profile = profilePowers(proteinProfile(0), plan, tilts);
    // The slope of B_t f^2 / 4 from centre to centre is B_t (2 i + 1) d^2 / 4.
    let [xx, xy] = [0, 0];
    for (const [i, { above }] of tilts.slice(0, -1).entries()) {
      if (i * plan.spacing < FIT_START - ROUNDING) continue;
      const x = ((2 * i + 1) * plan.spacing ** 2) / 4;
      xx += x * x;
      xy += x * above;
    }
    this.tiltedBy = xx > 0 ? xy / xx : 0;
  }

  /** Bands in ascending order; sums of blocks after windowing. */
  add(band: number, signal: Float32Array, power: Float32Array): void {
    const { plan, total, correlation, cutoff, sums } = this;
    const f = band * plan.spacing;
    const isFitted = f >= FIT_START - ROUNDING;
    // The variance of ln S is proportional to 1 / (terms FSC^2).
    const terms = independentTerms(plan, band, 1);
    const [weights, xs, ys, xxs, xys] = sums;
    for (let i = 0; i < total.length; i++) {
      const s = Math.max(signal[i], 0);
      total[i] += s;
      if (band === 0 || cutoff[i] > 0) continue;
      const fsc = power[i] > 0 ? s / (2 * power[i] - s) : 0;
      if (!(fsc >= THRESHOLD)) {
        const before = correlation[i];
        const share = band === 1 ? 1 : (before - THRESHOLD) / (before - fsc);
        cutoff[i] = (band - 1 + share) * plan.spacing;
        continue;
      }
      correlation[i] = fsc;
      if (!isFitted) continue;
      const weight = terms * Math.min(fsc, 1) ** 2;
      const x = f * f;
      const y = Math.log(s / this.profile[band]);
      weights[i] += weight;
      xs[i] += weight * x;
      ys[i] += weight * y;
      xxs[i] += weight * x * x;
      xys[i] += weight * x * y;
    }
  }

  /** `powerScale`: of inputs.ts. */
  finish(powerScale: number): LocalFields {
    const { plan, total, cutoff } = this;
    const highest = (plan.count - 1) * plan.spacing;
    const [kz, ky, kx] = plan.windows.factor;
    const unit = 1 / (kz * ky * kx * powerScale);
    return {
      bFactor:
        highest - plan.spacing >= FIT_START - ROUNDING ? total.map((_, i) => this.bFactorOf(i)) : undefined,
      resolution: this.hasHalfMaps ? cutoff.map((f) => 1 / (f > 0 ? f : highest)) : undefined,
      signal: total.map((sum) => Math.sqrt(sum * unit)),
    };
  }

  private bFactorOf(i: number): number {
    const [weight, x, y, xx, xy] = this.sums.map((field) => field[i]);
    const spread = weight * xx - x * x;
    // One band, or none.
    if (!(spread > 1e-6 * weight * xx)) return 0;
    const slope = -(weight * xy - x * y) / spread;
    const v = HAT_VARIANCE * this.plan.spacing ** 2;
    const half = 0.5 + v * this.tiltedBy;
    return (half - Math.sqrt(Math.max(0, half ** 2 - 2 * slope * v))) / v;
  }
}
