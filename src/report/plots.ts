/**
 * Draws the curves of a report as SVG. Observable Plot renders into a linkedom document, so no browser is
 * needed. Frequencies are in 1/A, with the resolution in A along the top.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { BandSummary } from '../math/soft-scaling/targets.ts';
import type { BandAmplitudes, FscCurve } from '../pipeline/types.ts';
import { html, type Markup, trusted } from './html.ts';
import { bFactorsOf } from './local-windows.ts';
import { type ColourName, colour } from './palette.ts';
import { type Distribution, mapOf, quantile, type ReportData, type ReportedMap } from './report-data.ts';

/** Pixels; figures scale with the page, so that only the ratio matters there. */
export interface PlotSize {
  /** Of the view box. */
  readonly width: number;
  /** Of the view box, captions excluded. */
  readonly height: number;
}

/** A figure as wide as the text. */
export const WIDE: PlotSize = { width: 600, height: 330 };
/** Two in a row. */
const SMALL: PlotSize = { width: 360, height: 250 };
/** Round resolutions in A for the top axis; those that fit are labelled. */
const RESOLUTION_TICKS = [20, 10, 8, 6, 5, 4, 3.5, 3, 2.5, 2.2, 2, 1.8, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 1];
/** Minimum distance of two labels, as a fraction of the axis. */
const TICK_DISTANCE = 0.065;
/** Bars over the range of a histogram. */
const HISTOGRAM_BINS = 40;
/** Values beyond are drawn at the rim, so that a few noisy windows do not compress the rest. */
const TAIL = 0.005;
/** On narrower ranges a logarithmic axis would have hardly any labels. */
const LEAST_LOG_RATIO = 5;
/** Room above bars for the legend. */
const HEADROOM = 1.3;

/** Layers, the first at the bottom. */
type Marks = Plot.Markish[];

/** Half-map FSC with the two thresholds and the crossings. */
export function plotFsc({ frequency, correlation, resolution, resolutionHalf, verdict }: FscCurve): string {
  const points = frequency.map((f, i) => ({ f, c: correlation[i] }));
  const crossings = [
    { threshold: 0.143, at: verdict.end === 'falls' ? resolution : undefined },
    { threshold: 0.5, at: resolutionHalf },
  ].flatMap(({ threshold, at }) =>
    at === undefined ? [] : [{ f: 1 / at, c: threshold, label: `${at.toFixed(2)} Å` }],
  );
  // The last shell is at Nyquist.
  const last = frequency.at(-1) ?? 1;
  return draw(
    WIDE,
    {
      x: frequencyAxis(last),
      y: { domain: [Math.min(-0.1, ...correlation), 1.02], label: 'correlation of the half maps', ticks: 6 },
    },
    [
      ...resolutionAxis(last),
      Plot.ruleY([0], { stroke: colour('faint') }),
      Plot.ruleY([0.143, 0.5], { stroke: colour('limit'), strokeDasharray: '5 4', strokeWidth: 1 }),
      Plot.text([{ c: 0.143 }, { c: 0.5 }], {
        x: 0,
        y: 'c',
        text: 'c',
        textAnchor: 'start',
        dx: 4,
        dy: -7,
        fill: colour('limit'),
      }),
      Plot.line(points, { x: 'f', y: 'c', stroke: colour('result'), strokeWidth: 2 }),
      Plot.dot(crossings, { x: 'f', y: 'c', r: 4, fill: colour('result') }),
      Plot.text(crossings, {
        x: 'f',
        y: 'c',
        text: 'label',
        textAnchor: 'start',
        dx: 8,
        dy: -10,
        fontWeight: 'bold',
        fill: colour('ink'),
      }),
    ],
  );
}

/** Mean amplitude over all windows, each map normalised to the result at its first fitted shell. */
export function plotProfiles(reportData: ReportData, cutoffAngstrom: number): string {
  const { windows, maps } = reportData;
  return drawProfiles(
    maps.map((map) => ({ map, profile: meanProfile(map.profiles) })),
    windows.frequency,
    cutoffAngstrom,
    WIDE,
  );
}

/** The same for a single window. */
export function plotWindowProfile(reportData: ReportData, window: number, cutoffAngstrom: number): string {
  return drawProfiles(
    reportData.maps.map((map) => ({ map, profile: map.profiles[window] })),
    reportData.windows.frequency,
    cutoffAngstrom,
    SMALL,
  );
}

/** Target amplitudes of the bands of soft scaling, and those left after noise weighting. */
export function plotBands(bands: readonly BandSummary[], cutoffAngstrom: number): string {
  const last = bands.at(-1)?.frequency ?? 1;
  // Bands without signal have no amplitude, and a logarithmic axis no zero.
  const curve = (role: 'reference' | 'result', amplitudeOf: (band: BandSummary) => number) => {
    const points = bands
      .map((band) => ({ f: band.frequency, a: amplitudeOf(band) }))
      .filter(({ a }) => a > 0);
    const wide = role === 'reference';
    return [
      Plot.line(points, {
        x: 'f',
        y: 'a',
        stroke: colour(role),
        strokeWidth: wide ? 3.5 : 2,
        strokeOpacity: wide ? 0.6 : undefined,
      }),
      Plot.dot(points, { x: 'f', y: 'a', r: 3, fill: colour(role) }),
    ];
  };
  return draw(
    WIDE,
    { x: frequencyAxis(last), y: { type: 'log', label: 'amplitude', tickFormat: shortNumber } },
    [
      ...resolutionAxis(last),
      ...cutoffMark(cutoffAngstrom, last),
      ...curve('reference', ({ wantedAmplitude }) => wantedAmplitude),
      ...curve('result', ({ reachedAmplitude }) => reachedAmplitude),
      ...legend([
        ['reference', 'wanted'],
        ['result', 'reached'],
      ]),
    ],
  );
}

/** Amplitudes of two ways of scaling and the target, relative to those near 0.1 1/A. */
export function plotComparison(
  { frequency, wanted, reached, also }: BandAmplitudes,
  names: { readonly reached: string; readonly also: string },
  cutoffAngstrom: number,
): string {
  const last = frequency.at(-1) ?? 1;
  const curve = (role: 'reference' | 'result' | 'input', amplitude: readonly number[]) => {
    const points = frequency.map((f, i) => ({ f, a: amplitude[i] ?? 0 })).filter(({ a }) => a > 0);
    const wide = role === 'reference';
    const style = {
      stroke: colour(role),
      strokeWidth: wide ? 3.5 : 2,
      strokeOpacity: wide ? 0.6 : undefined,
    };
    return [
      Plot.line(points, { x: 'f', y: 'a', ...style }),
      Plot.dot(points, { x: 'f', y: 'a', r: 3, fill: colour(role) }),
    ];
  };
  return draw(
    WIDE,
    {
      x: frequencyAxis(last),
      y: { type: 'log', label: 'amplitude (about 0.1 1/Å = 1)', tickFormat: shortNumber },
    },
    [
      ...resolutionAxis(last),
      ...cutoffMark(cutoffAngstrom, last),
      ...curve('reference', wanted),
      ...curve('input', also),
      ...curve('result', reached),
      ...legend([
        ['reference', 'wanted'],
        ['result', names.reached],
        ['input', names.also],
      ]),
    ],
  );
}

/** Amplitude of the result over that of the input, shell by shell: median and spread over the windows. */
export function plotScaleFactors(reportData: ReportData, cutoffAngstrom: number): string {
  const input = mapOf(reportData, 'input')?.profiles ?? [];
  const result = mapOf(reportData, 'result')?.profiles ?? [];
  const { frequency } = reportData.windows;
  const shells = Array.from(frequency, (f, r) => {
    // Windows that are empty in the input give infinite ratios or none.
    const ratios = result.map((profile, i) => profile[r] / input[i][r]).filter((v) => v > 0 && v < 1e30);
    const sorted = Float64Array.from(ratios).sort();
    return { f, q: [0.05, 0.25, 0.5, 0.75, 0.95].map((p) => quantile(sorted, p)) };
  })
    // Shell 0 is the window's mean and carries no structure.
    .slice(1)
    .filter(({ q }) => q.every((v) => v > 0));
  // Units of input and result differ, so that only the shape of the curve means anything.
  const unit = shells[0]?.q[2] ?? 1;
  const band = (low: number, high: number, opacity: number): Plot.Markish =>
    Plot.areaY(shells, {
      x: 'f',
      y1: (d: (typeof shells)[0]) => d.q[low] / unit,
      y2: (d: (typeof shells)[0]) => d.q[high] / unit,
      fill: colour('result'),
      fillOpacity: opacity,
    });
  const last = frequency.at(-1) ?? 1;
  return draw(
    WIDE,
    {
      x: frequencyAxis(last),
      y: { type: 'log', label: 'scale factor (lowest shell = 1)', tickFormat: shortNumber },
    },
    [
      ...resolutionAxis(last),
      ...cutoffMark(cutoffAngstrom, last),
      band(0, 4, 0.15),
      band(1, 3, 0.3),
      Plot.line(shells, {
        x: 'f',
        y: (d: (typeof shells)[0]) => d.q[2] / unit,
        stroke: colour('result'),
        strokeWidth: 2,
      }),
      ...legend(
        [
          ['result', 'median of the windows'],
          ['result', 'bands: 50 % and 90 % of them'],
        ],
        'top-left',
      ),
    ],
  );
}

/** Local B factors in the windows, before and after. Undefined if no line could be fitted. */
export function plotBFactors(reportData: ReportData): string | undefined {
  const series = reportData.maps.flatMap((map) => {
    const sorted = Float32Array.from(
      bFactorsOf(map.profiles, reportData.windows).filter(Number.isFinite),
    ).sort();
    return sorted.length === 0 ? [] : [{ name: map.role as ColourName, label: map.label, sorted }];
  });
  if (series.length === 0) return undefined;
  return drawHistogram(series, 'local B factor, Å² (windows)', 'share of the windows', 24);
}

/** One distribution over the mask. */
export function plotDistribution({ sorted }: Distribution, label: string, log = false): string {
  return drawHistogram(
    [{ name: 'result', label: '', sorted }],
    label,
    'share of the mask',
    HISTOGRAM_BINS,
    log,
  );
}

/** Mean over windows per shell. */
export function meanProfile(profiles: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(profiles[0]?.length ?? 0);
  for (const profile of profiles)
    for (let r = 0; r < mean.length; r++) mean[r] += profile[r] / profiles.length;
  return mean;
}

/** A distribution, ascending, in its colour. */
interface Series {
  /** What it stands for, which fixes its colour. */
  readonly name: ColourName;
  /** For the legend; empty where there is one distribution only. */
  readonly label: string;
  /** Ascending. */
  readonly sorted: Float32Array;
}

/**
 * Profiles on a logarithmic axis, shells in 1/A. The input is scaled to meet the result at shell 1: its unit
 * is another.
 */
function drawProfiles(
  curves: readonly { map: ReportedMap; profile: Float64Array }[],
  frequency: Float64Array,
  cutoffAngstrom: number,
  size: PlotSize,
): string {
  // Shell 0 is the window's mean and carries no structure.
  const anchor = curves.find(({ map }) => map.role === 'result')?.profile[1] ?? 1;
  const points = curves.flatMap(({ map, profile }) =>
    Array.from(profile, (amplitude, r) => ({
      role: map.role,
      f: frequency[r],
      a: map.role === 'input' ? (amplitude * anchor) / profile[1] : amplitude,
    })).filter(({ a }, r) => r > 0 && a > 0 && Number.isFinite(a)),
  );
  const last = frequency.at(-1) ?? 1;
  return draw(
    size,
    { x: frequencyAxis(last), y: { type: 'log', label: 'amplitude', tickFormat: shortNumber } },
    [
      ...resolutionAxis(last),
      ...cutoffMark(cutoffAngstrom, last),
      ...(['reference', 'input', 'result'] as const).map((role) =>
        Plot.line(
          points.filter((point) => point.role === role),
          {
            x: 'f',
            y: 'a',
            stroke: colour(role),
            strokeWidth: role === 'reference' ? 3.5 : 2,
            strokeOpacity: role === 'reference' ? 0.6 : undefined,
          },
        ),
      ),
      // Small plots need no legend: the large plot above has the same colours.
      ...(size === SMALL ? [] : legend(curves.map(({ map }) => [map.role, map.label]))),
    ],
  );
}

/**
 * Histograms with the median of each series. The axis is logarithmic if allowed and all values spread by more
 * than LEAST_LOG_RATIO.
 */
function drawHistogram(
  series: readonly Series[],
  xLabel: string,
  yLabel: string,
  bins: number,
  mayBeLog = false,
): string {
  const log =
    mayBeLog &&
    series.every(({ sorted }) => quantile(sorted, 1 - TAIL) > LEAST_LOG_RATIO * quantile(sorted, TAIL));
  const forward = (v: number): number => (log ? Math.log(Math.max(v, 1e-30)) : v);
  const lows = series.map(({ sorted }) => forward(quantile(sorted, TAIL)));
  const highs = series.map(({ sorted }) => forward(quantile(sorted, 1 - TAIL)));
  const low = Math.min(...lows);
  const high = Math.max(...highs, low + 1e-6);
  const step = (high - low) / bins;
  const edge = (i: number): number => (log ? Math.exp(low + i * step) : low + i * step);
  // Tails count in the outermost bars.
  const bars = series.flatMap(({ name, sorted }) => {
    const counts = new Float64Array(bins);
    for (const v of sorted) counts[Math.min(bins - 1, Math.max(0, Math.floor((forward(v) - low) / step)))]++;
    return Array.from(counts, (count, i) => ({
      name,
      from: edge(i),
      to: edge(i + 1),
      share: count / sorted.length,
    }));
  });
  const percent = (v: number): string => `${Number((100 * v).toPrecision(3))} %`;
  return draw(
    WIDE,
    {
      x: {
        type: log ? 'log' : 'linear',
        label: xLabel,
        tickFormat: log ? shortNumber : undefined,
        domain: [edge(0), edge(bins)],
      },
      y: {
        label: yLabel,
        tickFormat: percent,
        ticks: 5,
        domain: [0, Math.max(...bars.map(({ share }) => share)) * (series.length > 1 ? HEADROOM : 1.03)],
      },
    },
    [
      ...series.map(({ name }) =>
        Plot.rectY(
          bars.filter((bar) => bar.name === name),
          {
            x1: 'from',
            x2: 'to',
            y: 'share',
            fill: colour(name),
            fillOpacity: series.length > 1 ? 0.45 : 0.8,
            inset: 0,
          },
        ),
      ),
      Plot.ruleX(
        series.map(({ sorted }) => quantile(sorted, 0.5)),
        { stroke: colour('ink'), strokeDasharray: '2 3' },
      ),
      ...(series.length > 1 ? legend(series.map(({ name, label }) => [name, label])) : []),
    ],
  );
}

/** Horizontal axis from 0 to `last`, 1/A. */
export function frequencyAxis(last: number): Plot.ScaleOptions {
  return { domain: [0, last], label: 'spatial frequency, 1/Å' };
}

/** Axes with frequencies below and resolutions above, and faint lines at these. */
export function resolutionAxis(last: number): Marks {
  const ticks: number[] = [];
  for (const resolution of RESOLUTION_TICKS) {
    const f = 1 / resolution;
    if (f > last * 1.0001 || f - (ticks.at(-1) ?? 0) < TICK_DISTANCE * last) continue;
    ticks.push(f);
  }
  return [
    Plot.axisX({ anchor: 'bottom', label: 'spatial frequency, 1/Å' }),
    Plot.axisX(ticks, {
      anchor: 'top',
      tickFormat: (f: number) => `${Number((1 / f).toFixed(1))}`,
      label: null,
    }),
    Plot.text(['Å'], { frameAnchor: 'top-right', dy: -20, dx: 4, textAnchor: 'start' }),
    Plot.gridX(ticks, { strokeOpacity: 0.08 }),
  ];
}

/** Vertical line at the cut-off, with its resolution; none if it lies beyond the axis. */
export function cutoffMark(cutoffAngstrom: number, last: number): Marks {
  const f = 1 / cutoffAngstrom;
  // Also where there was no cut-off: 1 / 0 is infinite.
  if (!(f < last)) return [];
  return [
    Plot.ruleX([f], { stroke: colour('limit'), strokeDasharray: '5 4' }),
    Plot.text([`${cutoffAngstrom.toFixed(2)} Å`], {
      x: f,
      frameAnchor: 'bottom',
      textAnchor: 'end',
      dx: -4,
      dy: -6,
      fill: colour('limit'),
    }),
  ];
}

/** Legend: labels in the colours of their curves, in a corner. */
export function legend(
  entries: readonly (readonly [ColourName, string])[],
  corner: 'top-right' | 'top-left' = 'top-right',
): Marks {
  return entries.map(([name, label], i) =>
    Plot.text([`\u2014 ${label}`], {
      frameAnchor: corner,
      dx: corner === 'top-right' ? -8 : 8,
      dy: 8 + 15 * i,
      fill: colour(name),
      fontWeight: 'bold',
    }),
  );
}

/** Two significant digits, in powers of ten if very small or large. */
export function shortNumber(v: number): string {
  return v >= 1e-3 && v < 1e4 ? String(Number(v.toPrecision(2))) : v.toExponential(0);
}

/** Renders a plot as SVG text. Colours are style variables (palette.ts). */
export function draw(size: PlotSize, options: Plot.PlotOptions, marks: Marks): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const plot = Plot.plot({
    // Plot's types require the DOM library, which this project does not use.
    document: document as never,
    ...size,
    marginTop: 36,
    marginLeft: 60,
    marginRight: 16,
    marginBottom: 44,
    style: { fontSize: '13px', overflow: 'visible' },
    ...options,
    marks: [...marks, Plot.frame({ strokeOpacity: 0.35 })],
  });
  // Names of the marks, which Plot gives to elements that may have none (ARIA): they would be read aloud.
  for (const mark of plot.querySelectorAll('[aria-label]')) mark.removeAttribute('aria-label');
  return withNamespace(plot.outerHTML);
}

/** Required in stand-alone SVG files, harmless in HTML. */
function withNamespace(svg: string): string {
  return svg.startsWith('<svg') && !svg.includes('xmlns=')
    ? svg.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"')
    : svg;
}

/** A plot with its caption. */
export function figureWith(svg: string, caption: Markup): Markup {
  return html`<figure class="plot">${trusted(svg)}<figcaption>${caption}</figcaption></figure>`;
}
