/**
 * Parts of a report that compares maps with a model: which is better, in numbers, curves and along the
 * chains.
 */
import * as Plot from '@observablehq/plot';
import type { FscFall } from '../math/fourier/fsc.ts';
import type { Assessment, PerMap } from '../pipeline/types.ts';
import { html, type Markup } from './html.ts';
import type { Figure, Part } from './page-parts.ts';
import { type ColourName, colour } from './palette.ts';
import { draw, figureWith, frequencyAxis, legend, resolutionAxis, shortNumber, WIDE } from './plots.ts';

/** Colours of the maps in their order. Maps beyond the last colour begin again, dashed. */
const COLOURS: readonly ColourName[] = ['result', 'input', 'green', 'violet', 'reference'];
/** Chains with plots of their own; the tables have all. */
const MOST_CHAINS = 12;
/** Residues of a chain that are worth a plot. */
const FEWEST_RESIDUES = 5;
/** Size of the plots along a chain, two of them side by side. */
const PROFILE: typeof WIDE = { width: 600, height: 240 };

/** The numbers of every map, the best of a row in bold; a tie has several. */
export function summaryPart(assessment: Assessment): Part {
  const { maps, resolution, resolutionSource, expectedQ, radiusAngstrom, localWindow } = assessment;
  const row = (name: string, cells: readonly string[], values?: readonly (number | undefined)[]): Markup => {
    const known = (values ?? []).filter((value) => value !== undefined);
    const best = maps.length > 1 && known.length > 1 ? Math.max(...known) : undefined;
    return html`<tr><th scope="row">${name}</th>${cells.map((cell, i) =>
      best !== undefined && values?.[i] === best
        ? html`<td class="number"><strong>${cell}</strong></td>`
        : html`<td class="number">${cell}</td>`,
    )}</tr>`;
  };
  /** Finer is better. */
  const finer = (falls: readonly FscFall[]): (number | undefined)[] =>
    falls.map((fall) => {
      if (fall.kind === 'falls') return -fall.resolution;
      return fall.kind === 'stays above' ? 0 : undefined;
    });
  const [half, low] = [maps.map((map) => map.fscAtHalf), maps.map((map) => map.fscAt0143)];
  const expected = expectedWords(expectedQ, resolution);
  return {
    id: 'summary',
    heading: maps.length > 1 ? 'Which map is better' : 'How well the map shows the model',
    figures: [],
    content: html`<div class="scroll"><table><thead><tr><th></th>${maps.map(
      ({ label }) => html`<th class="number">${label}</th>`,
    )}</tr></thead><tbody>
${row('FSC with the model: 0.5', half.map(fallWords), finer(half))}
${row('FSC with the model: 0.143', low.map(fallWords), finer(low))}
${row(
  'correlation within the mask',
  maps.map(({ cc }) => digits(cc)),
  maps.map(({ cc }) => cc),
)}
${row(
  'mean Q-score',
  maps.map(({ q }) => digits(q)),
  maps.map(({ q }) => q),
)}
${kindsOf(assessment).map((kind) =>
  row(
    `mean Q-score, ${kindWords[kind]}`,
    maps.map(({ qByKind }) => digits(qByKind[kind])),
    maps.map(({ qByKind }) => qByKind[kind]),
  ),
)}
${row(
  'Guinier B',
  maps.map(({ guinier }) => (guinier === undefined ? '–' : `${guinier.bFactor.toFixed(0)} Å²`)),
)}
${
  maps.length > 1
    ? row(
        `local correlation with ${maps[0].label}`,
        maps.map(({ localCorrelation }) => digits(localCorrelation)),
      )
    : undefined
}
</tbody></table></div>
<p>${resolutionWords(resolution, resolutionSource)} ${expected} The FSC compares shells and is blind to the
sharpness of a map; correlation and Q-score see it. The correlation of a residue is that within
${radiusAngstrom.toFixed(1)} Å of its atoms${
      maps.length > 1
        ? '; the local correlation is the mean over the mask, in Gaussian windows of ' +
          `${localWindow.toFixed(1)} Å`
        : undefined
    }. A map that was made with the help of the model agrees with it better than its data do.</p>`,
  };
}

/** FSC of every map with the map of the model, against 1/A, with both thresholds. */
export function modelFscPart({ maps, frequency }: Assessment): Part {
  const last = frequency.at(-1) ?? 1;
  const svg = draw(
    WIDE,
    {
      // A curve may fall below 0 by more than the axis usually shows, where contrast is inverted.
      x: frequencyAxis(last),
      y: {
        domain: [Math.min(-0.1, ...maps.flatMap(({ fsc }) => fsc)), 1.02],
        label: 'correlation with the map of the model',
        ticks: 6,
      },
    },
    [
      ...resolutionAxis(last),
      Plot.ruleY([0], { stroke: colour('faint') }),
      Plot.ruleY([0.143, 0.5], { stroke: colour('limit'), strokeDasharray: '5 4', strokeWidth: 1 }),
      ...maps.map(({ fsc }, i) =>
        line(
          frequency.map((f, r) => ({ x: f, y: fsc[r] })),
          i,
        ),
      ),
      ...legendOf(maps),
    ],
  );
  return {
    id: 'model-fsc',
    heading: 'FSC with the model',
    figures: [{ name: 'model-fsc', svg }],
    content: figureWith(
      svg,
      html`Within the mask, the model at its own B factors. Where the curve of one map lies above
that of another, more of its signal is that of the model. Where it falls early, look for parts that the model
lacks.`,
    ),
  };
}

/**
 * RMS amplitudes of maps and model within the mask, each relative to its first shell: the maps' units differ.
 */
export function profilesPart({ maps, frequency, modelAmplitude }: Assessment): Part {
  const last = frequency.at(-1) ?? 1;
  /** The first shell is that of the mean; the second at 1. */
  const points = (amplitude: readonly number[]) =>
    frequency
      .map((f, r) => ({ x: f, y: amplitude[r] / amplitude[1] }))
      .filter(({ y }, r) => r > 0 && y > 0 && Number.isFinite(y));
  const svg = draw(
    WIDE,
    {
      x: frequencyAxis(last),
      y: { type: 'log', label: 'RMS amplitude (first shell = 1)', tickFormat: shortNumber },
    },
    [
      ...resolutionAxis(last),
      Plot.line(points(modelAmplitude), {
        ...{ x: 'x', y: 'y', stroke: colour('faint'), strokeWidth: 3.5, strokeOpacity: 0.6 },
      }),
      ...maps.map(({ amplitude }, i) => line(points(amplitude), i)),
      ...legendOf(maps, [['faint', 'model']]),
    ],
  );
  return {
    id: 'profiles',
    heading: 'Radial profiles',
    figures: [{ name: 'profiles', svg }],
    content: figureWith(
      svg,
      html`Amplitudes of the maps within the mask, and of the model. A sharpened map should follow the
model up to its resolution; a rise beyond is noise.${guinierWords(maps)}`,
    ),
  };
}

/**
 * Tables and plots per chain: Q-score and correlation against the number of the residue. Chains with a few
 * residues only are in the table alone.
 */
export function chainParts(assessment: Assessment): Part[] {
  const { maps, chains } = assessment;
  const drawn = chains
    .map(({ chain }) => ({ chain, residues: polymerOf(assessment, chain) }))
    .filter(({ residues }) => residues.length >= FEWEST_RESIDUES);
  const shown = drawn.slice(0, MOST_CHAINS);
  const figures: Figure[] = [];
  const plots = shown.map(({ chain, residues }, i) => {
    const q = plotAlong(residues, ({ q: values }) => values, maps, 'Q-score');
    const cc = plotAlong(residues, ({ cc: values }) => values, maps, 'correlation');
    figures.push(
      { name: `q-${i + 1}-${plain(chain)}`, svg: q },
      { name: `cc-${i + 1}-${plain(chain)}`, svg: cc },
    );
    return html`<h3>Chain ${chain === '' ? 'without a name' : chain}</h3><div class="two">${figureWith(
      q,
      html`Mean Q-score of each residue.`,
    )}${figureWith(cc, html`Correlation around each residue.`)}</div>`;
  });
  const omitted = drawn.length - shown.length;
  const head = (what: string): Markup[] =>
    maps.map(({ label }) => html`<th class="number">${what} ${label}</th>`);
  return [
    {
      id: 'chains',
      heading: 'Chain by chain',
      figures,
      content: html`<div class="scroll"><table><thead><tr><th>chain</th><th class="number">residues</th><th
class="number">atoms</th>${head('CC')}${head('Q')}</tr></thead><tbody>${chains.map(
        ({ chain, residues, atoms, cc, q }) => html`<tr><td>${chain}</td><td
class="number">${residues}</td><td class="number">${atoms}</td>${cells(cc)}${cells(q)}</tr>`,
      )}</tbody></table></div>
${plots}
<p class="quiet">${
        omitted > 0 ? `${omitted} more chains are not drawn. ` : undefined
      }Ligands and waters are in the table of residues (CSV), not in the plots.</p>
${weakestTable(assessment)}`,
    },
  ];
}

/** The ten residues with the lowest Q-scores in the first map, and their scores in all maps. */
function weakestTable({ maps, residues }: Assessment): Markup | undefined {
  const scored = residues.filter(({ kind, q }) => kind !== 'water' && q[0] !== undefined);
  if (scored.length < FEWEST_RESIDUES) return undefined;
  const weakest = scored.toSorted((a, b) => (a.q[0] ?? 0) - (b.q[0] ?? 0)).slice(0, 10);
  const head = (what: string): Markup[] =>
    maps.map(({ label }) => html`<th class="number">${what} ${label}</th>`);
  return html`<h3>Residues with the lowest Q-scores in ${maps[0].label}</h3>
<div class="scroll"><table><thead><tr><th>residue</th>${head('CC')}${head('Q')}</tr></thead><tbody>
${weakest.map(
  ({ chain, number, insertionCode, name, cc, q }) =>
    html`<tr><td>${chain} ${name} ${number}${insertionCode}</td>${cells(cc)}${cells(q)}</tr>`,
)}</tbody></table></div>`;
}

/** Cells of a table, one per map. */
function cells(values: PerMap): Markup[] {
  return values.map((value) => html`<td class="number">${digits(value)}</td>`);
}

/** A residue with its scores in every map. */
type Residue = Assessment['residues'][0];

/**
 * Protein and nucleic acid of a chain, in the order of the file: ligands and waters have no place along a
 * chain.
 */
function polymerOf({ residues }: Assessment, chain: string): Residue[] {
  return residues.filter(
    (residue) => residue.chain === chain && (residue.kind === 'protein' || residue.kind === 'nucleic'),
  );
}

/** Scores of all maps along a chain as SVG; `valuesOf` gives one score per map. Scores may be negative. */
function plotAlong(
  residues: readonly Residue[],
  valuesOf: (residue: Residue) => PerMap,
  maps: Assessment['maps'],
  label: string,
): string {
  const lowest = Math.min(0, ...residues.flatMap((residue) => valuesOf(residue).map((value) => value ?? 0)));
  return draw(
    PROFILE,
    {
      x: { label: 'residue' },
      y: { domain: [lowest, 1], label, ticks: 5 },
    },
    [
      Plot.ruleY([0], { stroke: colour('faint') }),
      ...maps.map((_, i) =>
        line(
          withGaps(residues, (residue) => valuesOf(residue)[i]),
          i,
          1.5,
        ),
      ),
      ...(maps.length > 1 ? legendAbove(maps) : []),
    ],
  );
}

/** One point per residue. Lines end where residues are missing or have no score: Plot breaks them at NaN. */
function withGaps(
  residues: readonly Residue[],
  scoreOf: (residue: Residue) => number | undefined,
): { x: number; y: number }[] {
  return residues.flatMap((residue, i) => {
    const point = { x: residue.number, y: scoreOf(residue) ?? Number.NaN };
    const before = residues[i - 1]?.number;
    return before === undefined || residue.number - before <= 1
      ? [point]
      : [{ x: before + 0.5, y: Number.NaN }, point];
  });
}

/** The curve of map `map` in its colour. */
function line(data: { x: number; y: number }[], map: number, strokeWidth = 2): Plot.Markish {
  const strokeDasharray = map < COLOURS.length ? undefined : '5 3';
  return Plot.line(data, { x: 'x', y: 'y', stroke: colour(colourOf(map)), strokeWidth, strokeDasharray });
}

/** Labels of the maps, then of further curves, in a corner of the plot. */
function legendOf(
  maps: readonly { readonly label: string }[],
  more: readonly (readonly [ColourName, string])[] = [],
): Plot.Markish[] {
  return legend([...maps.map(({ label }, i) => [colourOf(i), label] as const), ...more]);
}

/** Pixels of a letter of the legend, about, and of the gap between two labels. */
const LETTER = 7.6;
const GAP = 14;
/** Letters next to each other above a plot. */
const MOST_LETTERS = 56;

/** Labels side by side above the frame: curves fill it to the top. */
function legendAbove(maps: readonly { readonly label: string }[]): Plot.Markish[] {
  const most = Math.max(4, Math.floor(MOST_LETTERS / maps.length));
  const labels = maps.map(({ label }) => (label.length > most ? `${label.slice(0, most - 1)}…` : label));
  const widthBehind = (i: number): number =>
    labels.slice(i + 1).reduce((sum, text) => sum + LETTER * text.length + GAP, 0);
  return labels.map((text, i) =>
    Plot.text([text], {
      ...{ frameAnchor: 'top-right', textAnchor: 'end', dx: -widthBehind(i), dy: -18 },
      ...{ fill: colour(colourOf(i)), fontWeight: 'bold' },
    }),
  );
}

/** Colour of a map by its index. */
function colourOf(map: number): ColourName {
  return COLOURS[map % COLOURS.length];
}

/** Kinds of residues in the rows of the summary. */
const kindWords = { protein: 'protein', nucleic: 'nucleic acid', water: 'waters', other: 'ligands' } as const;

/** Where there is more than one kind. */
function kindsOf({ maps }: Assessment): (keyof typeof kindWords)[] {
  const kinds = (Object.keys(kindWords) as (keyof typeof kindWords)[]).filter(
    (kind) => maps[0].qByKind[kind] !== undefined,
  );
  return kinds.length > 1 ? kinds : [];
}

/** Resolution at a threshold, or how the curve misses it. */
function fallWords(fall: FscFall): string {
  if (fall.kind === 'falls') return `${fall.resolution.toFixed(2)} Å`;
  return fall.kind === 'stays above' ? 'above to Nyquist' : 'never above';
}

/** What the correlations are measured up to, a sentence. */
function resolutionWords(resolution: number | undefined, source: Assessment['resolutionSource']): string {
  if (resolution === undefined)
    return 'The resolution is not known: correlations are with all of the map of the model, to Nyquist.';
  const where = source === 'user' ? 'as given' : 'by the half maps within the mask';
  return `Correlations are with the map of the model up to ${resolution.toFixed(2)} Å (${where}).`;
}

/**
 * Published Q-scores at this resolution, a sentence; undefined where the resolution is unknown or out of
 * range.
 */
function expectedWords(
  expectedQ: Assessment['expectedQ'],
  resolution: number | undefined,
): string | undefined {
  const known = Object.entries(expectedQ).filter(([, value]) => value !== undefined);
  if (known.length === 0) return undefined;
  const values = known.map(([kind, value]) => `${value?.toFixed(2)} (${kindWords[kind as 'protein']})`);
  return (
    `Published models at ${resolution?.toFixed(2)} Å have a mean Q-score of ` +
    `${values.join(' and ')} (Pintilie et al. 2020).`
  );
}

/** Guinier B factors of all maps with the range of their fits, a sentence. */
function guinierWords(maps: Assessment['maps']): string | undefined {
  const known = maps.flatMap(({ label, guinier }) =>
    guinier === undefined
      ? []
      : [
          `${label} ${guinier.bFactor.toFixed(0)} Å² (${guinier.from.toFixed(0)} to ` +
            `${guinier.to.toFixed(2)} Å)`,
        ],
  );
  return known.length === 0 ? undefined : ` Guinier B: ${known.join(', ')}.`;
}

/** A dash if the number does not exist. */
function digits(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}

/** Chain identifiers may be anything; file names are letters, digits and underscores. */
function plain(chain: string): string {
  return chain.replaceAll(/[^\w]/g, '_') || 'none';
}
