/** The sections of a report, with their figures and advice on what to look for. */
import { named } from '../errors.ts';
import type { FscCurve } from '../pipeline/types.ts';
import { html, type Markup, trusted } from './html.ts';
import { bFactorsOf } from './local-windows.ts';
import { scaleGradient } from './palette.ts';
import {
  figureWith,
  plotBands,
  plotBFactors,
  plotComparison,
  plotDistribution,
  plotFsc,
  plotProfiles,
  plotScaleFactors,
  plotWindowProfile,
} from './plots.ts';
import { type LocalMapData, mapOf, quantile, type ReportData } from './report-data.ts';
import type { RunRecord } from './run-record.ts';
import { AXIS_NAMES, axes } from './section.ts';
import { type ColourScale, localFigure, maskFigure, scaleFor, whiteOf } from './section-figures.ts';

/** A self-contained SVG; its colours are style variables until withLightColours replaces them. */
export interface Figure {
  /** Used as file name. */
  readonly name: string;
  /** Complete, with style variables for its colours. */
  readonly svg: string;
}

/** A section of the page. */
export interface Part {
  /** Of the section: target of links. */
  readonly id: string;
  /** As in the table of contents. */
  readonly heading: string;
  /** Escaped already. */
  readonly content: Markup;
  /** Also offered as files. */
  readonly figures: readonly Figure[];
}

/** The FSC of the half maps, or why there is none. */
export function fscPart({ fsc, numbers }: RunRecord): Part {
  const id = 'fsc';
  const heading = 'Fourier shell correlation';
  if (fsc === undefined) {
    const source =
      numbers.fscCutoffSource === 'user' ? 'the resolution given' : 'a limit from the voxel size';
    return {
      id,
      heading,
      figures: [],
      content: html`<p>One map was given, not two half maps: there is no FSC. The run
used ${source}${numbers.fscCutoff === undefined ? '' : `, ${numbers.fscCutoff.toFixed(2)} Å`}.</p>`,
    };
  }
  const svg = plotFsc(fsc);
  return {
    id,
    heading,
    figures: [{ name: 'fsc', svg }],
    content: figureWith(
      svg,
      html`Correlation of the two half maps, unmasked, shell by shell. It should stay near 1, fall once, and
end around 0. A curve that stays up at the right end was masked, filtered or symmetrised before; bumps after
the fall point to duplicated particles or a mask. ${beyondResolution(fsc)}`,
    ),
  };
}

/** What the amplification ends at, a sentence. */
function beyondResolution({ verdict: { end, resolution } }: FscCurve): string {
  if (end === 'nyquist' && resolution !== undefined)
    return (
      `This curve stays above 0.143 to Nyquist, ${resolution.toFixed(2)} Å: the result is amplified up ` +
      'to there, the limit of the voxels.'
    );
  if (resolution === undefined) return 'This curve shows no signal that the half maps have in common.';
  return (
    `The result is amplified up to the resolution at 0.143 (${resolution.toFixed(2)} Å) and what lies ` +
    'beyond is mostly noise.'
  );
}

/**
 * Mean radial profiles over the sampled windows, and those of four windows from the slowest to the fastest
 * decay.
 */
export function profilePart(
  reportData: ReportData,
  { numbers, soft }: RunRecord,
  kind: 'scale' | 'feature_enhance',
): Part {
  const cutoff = numbers.fscCutoff ?? 0;
  const { windows } = reportData;
  const svg = plotProfiles(reportData, cutoff);
  const chosen = chooseWindows(reportData);
  const hasReference = mapOf(reportData, 'reference') !== undefined;
  const lead =
    kind === 'scale'
      ? hasReference
        ? 'The result should follow the reference: that is what local scaling does. The match is not ' +
          'exact, because windows include the rim of the mask: the noise around the molecule is missing ' +
          'from the result, which lowers it at high resolution, and a ragged mask cuts density, which ' +
          'raises it. A gap of a factor of two and more at low resolution would mean that reference and ' +
          'map do not match.'
        : soft === undefined
          ? 'There is no reference map: the result follows an exponential decay beyond the low resolution.'
          : 'There is no reference map: the result has the amplitudes of an average protein, weighted by ' +
            'the ' +
            'agreement of the half maps.'
      : 'The enhanced map is what the network makes of the input; the baseline is the input scaled with ' +
        'its amplitudes.';
  const small = chosen.map(({ window, words }) => ({
    words,
    window,
    svg: plotWindowProfile(reportData, window, cutoff),
  }));
  return {
    id: 'profiles',
    heading: 'Radial profiles',
    figures: [
      { name: 'profiles', svg },
      ...small.map((one, i) => ({ name: `profile-window-${i + 1}`, svg: one.svg })),
    ],
    content: html`${figureWith(
      svg,
      // The default threshold of an FSC of 0 means that the run had no cut-off.
      html`Mean amplitude per shell over ${windows.centres.length} windows of ${windows.edge} voxels spread
over the mask${describeFill(reportData)}. ${lead} The input is shifted to the height of the result at the
lowest shell, because its units differ. ${cutoff > 0 ? 'Dashed: the resolution the run used. ' : undefined}A
result that turns upwards to the right of it amplifies noise.`,
    )}
<h3>At four places</h3>
<p>From the window with the slowest decay of the input to the one with the fastest: the point of
scaling locally is that these need different corrections.</p>
<div class="two">${small.map(
      ({ window, words, svg: one }) =>
        html`<figure class="plot panel">${trusted(one)}<figcaption>${words}: voxel (x, y, z)
= ${[...windows.centres[window]].reverse().join(', ')}</figcaption></figure>`,
    )}</div>`,
  };
}

/** Bands of soft scaling; empty for LocScale's scheme. */
export function bandPart({ soft, numbers }: RunRecord): Part | undefined {
  if (soft === undefined) return undefined;
  const { bands, fadeResolution } = soft;
  const svg = plotBands(bands, numbers.fscCutoff ?? 0);
  // Bands in which the half maps agree nowhere.
  const silent = bands.filter(({ used }) => !used);
  const left =
    silent.length === 0
      ? ''
      : ` ${silent.length} of ${bands.length} bands hold no signal and add nothing to the result.`;
  const faded = fadeResolution === undefined ? '' : ` The result fades at ${fadeResolution.toFixed(2)} Å.`;
  return {
    id: 'bands',
    heading: 'Frequency bands',
    figures: [{ name: 'bands', svg }],
    content: figureWith(
      svg,
      html`RMS amplitude of each band over the whole map: what it was scaled to, and what is left of
that where the half maps agree less. Up to the resolution the two should lie close together; the gap beyond it
is noise that was held down.${left}${faded}`,
    ),
  };
}

/** Comparison of two ways of scaling; with --also only. */
export function comparisonPart({ comparison, soft, numbers }: RunRecord): Part | undefined {
  if (comparison === undefined) return undefined;
  const ways = { locscale: "LocScale's scheme", soft: 'soft bands', global: 'one B factor' } as const;
  const { scheme, global, amplitudes } = comparison;
  const names = { reached: ways[soft === undefined ? 'locscale' : 'soft'], also: ways[scheme] };
  const svg = plotComparison(amplitudes, names, numbers.fscCutoff ?? 0);
  const added =
    global === undefined
      ? ''
      : ` ${global.bFactor.toFixed(0)} Å² were added to the whole map, up to ` +
        `${global.resolution.toFixed(2)} Å.`;
  return {
    id: 'comparison',
    heading: 'Two ways of scaling',
    figures: [{ name: 'comparison', svg }],
    content: figureWith(
      svg,
      html`RMS amplitude of each band within the mask: wanted, reached by ${names.reached}, which made
the main result, and by ${names.also}, for comparison. Up to the resolution the nearer to the grey curve, the
better; beyond it a curve should fall.${added}`,
    ),
  };
}

/** Ratio of amplitudes per shell, and maps of the local gain. */
export function scaleFactorPart(reportData: ReportData, { numbers }: RunRecord): Part {
  const svg = plotScaleFactors(reportData, numbers.fscCutoff ?? 0);
  const { gain } = reportData;
  const scale = scaleFor(gain, 'diverging', true, 1);
  const histogram = plotDistribution(gain, 'gain (median = 1)', true);
  const sections = localPanels(gain, reportData, scale);
  const [low, high] = [quantile(gain.sorted, 0.05), quantile(gain.sorted, 0.95)];
  return {
    id: 'scale-factors',
    heading: 'Scale factors',
    figures: [{ name: 'scale-factors', svg }, { name: 'gain', svg: histogram }, ...sections.figures],
    content: html`${figureWith(
      svg,
      html`Amplitude of the result over that of the input, in the same windows. The more the curve rises, the
more high resolution was amplified; the wider the bands, the more places differ and the less a single B factor
would have done.`,
    )}
<h3>Where the map was amplified</h3>
${sections.content}
<p class="quiet">Strength (root mean square within a window, inside the mask) of the result over that of the
input; white is the median. Red: strengthened more, mostly where the reference is well ordered; blue: less,
mostly where it is flexible. Red patches on the rim, without a structure to go with them, mean that the mask
holds solvent or detergent.</p>
${figureWith(
  histogram,
  html`The same over the three sections: 90 % of the values lie
between ${low.toPrecision(2)} and ${high.toPrecision(2)} times the median, which is dotted.`,
)}`,
  };
}

/** B factors of the sampled windows before and after; and those at every voxel, if they were measured. */
export function bFactorPart(
  reportData: ReportData,
  kind: 'scale' | 'feature_enhance',
  spell: (sentence: string) => string,
): Part {
  const svg = plotBFactors(reportData);
  const { local, windows } = reportData;
  const medians = reportData.maps.map(({ label, profiles }) => {
    // Windows without a fit are NaN.
    const sorted = bFactorsOf(profiles, windows)
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    return sorted.length === 0 ? undefined : `${label} ${quantile(sorted, 0.5).toFixed(0)} Å²`;
  });
  const measured =
    local === undefined
      ? {
          figures: [],
          content:
            kind === 'scale'
              ? html`<p>A map of local B factors at every voxel comes
with <code>${spell(named('measureBFactors'))}</code>, where the data hold them.</p>`
              : html``,
        }
      : localMap(local, reportData);
  const fitRange =
    windows.fit === undefined
      ? ''
      : ` from ${(1 / windows.frequency[windows.fit.start]).toFixed(1)} to ` +
        `${(1 / windows.frequency[windows.fit.end - 1]).toFixed(1)} Å`;
  return {
    id: 'b-factors',
    heading:
      local === undefined || local.unit !== '' ? 'Local B factors' : `Local B factors and ${local.label}`,
    figures: [...(svg === undefined ? [] : [{ name: 'b-factors', svg }]), ...measured.figures],
    content: html`${
      svg === undefined
        ? html`<p>The resolution leaves too few shells for a fit of B factors.</p>`
        : figureWith(
            svg,
            html`Decay of the amplitudes in the sampled windows, as a fitted B factor${fitRange}. Medians
(dotted): ${medians.filter((text) => text !== undefined).join(', ')}. A broad distribution before is what
local scaling is for. Negative values after it mean that amplitudes rise with resolution: over-sharpened.`,
          )
    }
${measured.content}`,
  };
}

/** Outline of the mask on the whole box, with the noise boxes and their statistics. */
export function maskPart(reportData: ReportData, { soft, inputs, assessment }: RunRecord): Part {
  // Soft scaling of half maps does not apply a mask unless the user gives one.
  const cut =
    assessment === undefined &&
    (soft === undefined || inputs.length === 1 || inputs.some(({ role }) => role === 'mask'));
  const input = mapOf(reportData, 'input')!;
  const white = whiteOf(input.sections);
  const svgs = axes.map((axis) => maskFigure(input, reportData, axis, white));
  const boxes = reportData.noiseBoxes;
  return {
    id: 'mask',
    heading: assessment === undefined ? 'Mask and noise' : 'Mask',
    figures: svgs.map((svg, i) => ({ name: `mask-${AXIS_NAMES[i]}`, svg })),
    content: html`<div class="three">${svgs.map(
      (svg, i) => html`<div class="panel"><p class="quiet">normal
to ${AXIS_NAMES[i]}, voxel ${reportData.centre[i]}</p>${trusted(svg)}</div>`,
    )}</div>
<p class="quiet">The whole box of the input. Blue: outline of the mask${
      cut ? '; outside it the result is 0' : undefined
    }. It should follow the molecule with a little room, hold no islands of noise and cut through no density.
${
  boxes.length === 0
    ? assessment === undefined
      ? 'The mask was given, so no noise was measured.'
      : 'Inside it maps and model are correlated.'
    : 'Orange: the boxes in which the noise was measured (dashed: in front of or behind the ' +
      'section). They must hold solvent only: no density, no carbon edge, no masked corners.'
}</p>
${
  boxes.length === 0
    ? undefined
    : html`<div class="scroll" tabindex="0" role="group" aria-label="Table"><table><thead><tr><th
>noise box, first voxel (x, y, z)</th><th
class="number">edge</th><th class="number">mean</th><th class="number">standard deviation</th><th
class="number">in the mask</th></tr></thead><tbody>${boxes.map(
        ({ start, size, mean, sd, inMask }) =>
          html`<tr><td>${[...start].reverse().join(', ')}</td><td class="number">${size}</td><td
class="number">${mean.toPrecision(3)}</td><td class="number">${sd.toPrecision(3)}</td><td
class="number">${Number((100 * inMask).toPrecision(2))} %</td></tr>`,
      )}</tbody></table></div>`
}`,
  };
}

/**
 * Four windows, from the slowest decay to the fastest (3rd, 35th, 65th and 97th percentile of the B factor);
 * in sample order if fewer than four have one. `window` indexes `reportData.windows`.
 */
export function chooseWindows(reportData: ReportData): { window: number; words: string }[] {
  const b = bFactorsOf(mapOf(reportData, 'input')?.profiles ?? [], reportData.windows);
  const known = b.map((value, window) => ({ value, window })).filter(({ value }) => Number.isFinite(value));
  // Without a fit no window is slower than another.
  const order =
    known.length < 4
      ? b.map((_, window) => ({ value: Number.NaN, window }))
      : known.toSorted((one, other) => one.value - other.value);
  return [0.03, 0.35, 0.65, 0.97].map((share) => {
    const { value, window } = order[Math.round(share * (order.length - 1))];
    return {
      window,
      words: Number.isNaN(value) ? 'a window' : `B factor of the input here ${value.toFixed(0)} Å²`,
    };
  });
}

/** Values measured at every voxel: confidence or local resolution. */
export function localPart(local: LocalMapData, reportData: ReportData, kind: 'mask' | 'locres'): Part {
  const sections = localPanels(local, reportData, scaleFor(local, 'sequential', false));
  const svg = plotDistribution(local, local.unit === '' ? local.label : `${local.label}, ${local.unit}`);
  const words =
    kind === 'mask'
      ? 'Confidence is 1 where density stands out from the noise and falls to 0 around it; islands ' +
        'far from ' +
        'the molecule are noise that the false-discovery rate lets pass.'
      : 'Low values (dark) are well resolved, usually the core; high values (yellow) are flexible or ' +
        'poorly ' +
        'aligned parts. A pattern of rings or stripes comes from the mask or from symmetry.';
  return {
    id: 'local',
    heading: local.label,
    figures: [...sections.figures, { name: 'local-values', svg }],
    content: html`${sections.content}
<p class="quiet">${words}</p>
${figureWith(
  svg,
  html`Distribution over the mask; the
median, ${shortNumber(quantile(local.sorted, 0.5))}${local.unit === '' ? '' : ` ${local.unit}`}, is dotted.`,
)}`,
  };
}

/** Values at every voxel that scaling has measured: B factors, or pVDDT, which has no unit and two signs. */
function localMap(
  local: LocalMapData,
  reportData: ReportData,
): { content: Markup; figures: readonly Figure[] } {
  // pVDDT, from -100 to 100.
  const signed = local.unit === '';
  const scale = signed ? scaleFor(local, 'diverging', false) : scaleFor(local, 'sequential', false);
  const label = `${local.label}${signed ? '' : `, ${local.unit}`}`;
  const svg = plotDistribution(local, label);
  const sections = localPanels(local, reportData, scale);
  return {
    figures: [...sections.figures, { name: signed ? 'local-values' : 'local-b-factors', svg }],
    content: html`<h3>At every voxel: ${local.label}</h3>
${sections.content}
<p class="quiet">${
      signed
        ? 'Near 0: the network shows what the data show. Towards 100 it added density, towards -100 it ' +
          'took density away: do not build there on the enhanced map alone.'
        : 'Low values (dark) are the well-ordered core, high values (yellow) flexible or poorly aligned ' +
          'parts. Neighbouring places should change smoothly; a pattern of rings or stripes comes from ' +
          'the mask or from symmetry.'
    }</p>
${figureWith(
  svg,
  html`Distribution over the mask; the
median, ${quantile(local.sorted, 0.5).toFixed(0)}${signed ? '' : ` ${local.unit}`}, is dotted.`,
)}`,
  };
}

/** Three coloured sections with their scale. File names of the figures follow from the label. */
function localPanels(
  local: LocalMapData,
  reportData: ReportData,
  scale: ColourScale,
): { content: Markup; figures: readonly Figure[] } {
  const svgs = axes.map((axis) => localFigure(local, reportData, axis, scale));
  const name = local.label.replaceAll(/[^a-zA-Z]+/g, '-');
  const unit = local.unit === '' ? '' : ` ${local.unit}`;
  const gradient = trusted(scaleGradient(scale.kind));
  return {
    figures: svgs.map((svg, i) => ({ name: `${name}-${AXIS_NAMES[i]}`, svg })),
    content: html`<div class="three">${svgs.map(
      (svg, i) => html`<div class="panel"><p class="quiet">normal
to ${AXIS_NAMES[i]}</p>${trusted(svg)}</div>`,
    )}</div>
<div class="key"><span>${shortNumber(scale.low)}</span><i
style="background: ${gradient}"></i><span>${shortNumber(scale.high)}${unit}</span></div>`,
  };
}

/** How full of mask the emptiest window is, in parentheses. */
function describeFill({ windows }: ReportData): string {
  const least = Math.min(...windows.fill);
  return ` (the emptiest is ${Math.round(100 * least)} % mask)`;
}

/** Two significant digits. */
function shortNumber(v: number): string {
  return String(Number(v.toPrecision(2)));
}
