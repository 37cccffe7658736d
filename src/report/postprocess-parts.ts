/** Sections of a report about the whole map: FSC within a mask and Guinier plot, with their curves. */
import * as Plot from '@observablehq/plot';
import { FSC_THRESHOLD } from '../math/fourier/fsc.ts';
import type { FscInMask, PostprocessNumbers } from '../pipeline/types.ts';
import { html } from './html.ts';
import type { Part } from './page-parts.ts';
import { type ColourName, colour } from './palette.ts';
import { cutoffMark, draw, figureWith, frequencyAxis, legend, resolutionAxis, WIDE } from './plots.ts';

/**
 * FSC within the mask: unmasked, masked, with random phases, and corrected, with the resolution that follows.
 */
export function maskedFscPart(fsc: FscInMask): Part {
  const svg = plotMaskedFsc(fsc);
  const { resolution, shellResolution, randomisedFrom, corrected } = fsc;
  const end =
    resolution !== undefined
      ? `The corrected curve falls below 0.143 at ${resolution.toFixed(2)} Å (last shell above it: ` +
        `${shellResolution?.toFixed(2) ?? '–'} Å, which RELION reports).`
      : (corrected.at(-1) ?? 0) >= FSC_THRESHOLD
        ? 'The corrected curve stays above 0.143 to Nyquist.'
        : 'The corrected curve shows no common signal.';
  const how =
    randomisedFrom === undefined
      ? 'The unmasked FSC does not fall below 0.8, so nothing could be corrected.'
      : `Phases were randomised beyond ${(1 / randomisedFrom).toFixed(2)} Å, where the unmasked FSC ` +
        'falls below 0.8: the correlation that remains there is due to the mask, and is corrected ' +
        'for (Chen et al. 2013).';
  return {
    id: 'masked-fsc',
    heading: 'FSC within the mask',
    figures: [{ name: 'masked-fsc', svg }],
    content: figureWith(
      svg,
      html`${end} ${how} The curve with random phases should fall to 0 soon: where it stays up, the
mask is too tight or too sharp.`,
    ),
  };
}

/** Guinier plot of the map before and after sharpening, with the range of the fit. */
export function guinierPart(numbers: PostprocessNumbers): Part {
  const { bFactor, bFactorSource, guinier, fscWeighted } = numbers;
  const svg = plotGuinier(numbers);
  const fitted =
    guinier === undefined
      ? bFactorSource === 'user'
        ? `The B factor of ${bFactor.toFixed(0)} Å² was given.`
        : 'No line could be fitted, so that no B factor was applied.'
      : `The line between ${guinier.from.toFixed(1)} and ${guinier.to.toFixed(2)} Å falls with ` +
        `${guinier.bFactor.toFixed(0)} Å² (${guinier.shells} shells, R² ` +
        `${guinier.quality.toFixed(2)}).`;
  return {
    id: 'guinier',
    heading: 'Guinier plot',
    figures: [{ name: 'guinier', svg }],
    content: figureWith(
      svg,
      html`Logarithm of the RMS amplitude against the squared frequency${
        fscWeighted ? ', as measured and weighted by the FSC' : ''
      }.
${fitted} The sharpened curve should be about level up to the resolution, and rise nowhere.`,
    ),
  };
}

/** The four curves against 1/A, and where the corrected one falls below 0.143. */
function plotMaskedFsc({
  frequency,
  unmasked,
  masked,
  randomised,
  corrected,
  resolution,
}: FscInMask): string {
  const last = frequency.at(-1) ?? 1;
  const line = (values: readonly number[], name: ColourName, dash?: string) =>
    Plot.line(
      frequency.map((f, r) => ({ f, c: values[r] })),
      { x: 'f', y: 'c', stroke: colour(name), strokeWidth: 2, strokeDasharray: dash },
    );
  const curves = [unmasked, masked, corrected, ...(randomised === undefined ? [] : [randomised])];
  return draw(
    WIDE,
    {
      x: frequencyAxis(last),
      y: {
        domain: [Math.min(-0.1, ...curves.flat()), 1.02],
        label: 'correlation of the half maps',
        ticks: 6,
      },
    },
    [
      ...resolutionAxis(last),
      Plot.ruleY([0], { stroke: colour('faint') }),
      Plot.ruleY([FSC_THRESHOLD], { stroke: colour('limit'), strokeDasharray: '5 4', strokeWidth: 1 }),
      ...(resolution === undefined ? [] : cutoffMark(resolution, last)),
      line(unmasked, 'reference'),
      line(masked, 'input', '6 3'),
      ...(randomised === undefined ? [] : [line(randomised, 'faint', '2 3')]),
      line(corrected, 'result'),
      ...legend([
        ['reference', 'unmasked'],
        ['input', 'masked'],
        ['faint', 'random phases'],
        ['result', 'corrected'],
      ]),
    ],
  );
}

/** Natural logarithm of RMS amplitudes against f^2 (1/A^2); a B factor is a line of slope -B/4. */
function plotGuinier({ amplitudes, bFactor, guinier, fscWeighted }: PostprocessNumbers): string {
  const { frequency, original, weighted } = amplitudes;
  const points = (amplitude: (r: number) => number) =>
    frequency
      .map((f, r) => ({ x: f * f, y: Math.log(amplitude(r)) }))
      // Shell 0 is the mean of the map, so it is omitted.
      .filter(({ y }, r) => r > 0 && Number.isFinite(y));
  const line = (data: { x: number; y: number }[], name: ColourName) =>
    Plot.line(data, { x: 'x', y: 'y', stroke: colour(name), strokeWidth: 2 });
  // As postprocess multiplies: exp(-B f^2 / 4), with B negative for sharpening.
  const sharpened = points((r) => weighted[r] * Math.exp((-bFactor * frequency[r] ** 2) / 4));
  const curves: [ColourName, string, { x: number; y: number }[]][] = [
    ['input', 'map', points((r) => original[r])],
    ...(fscWeighted
      ? ([['reference', 'weighted by the FSC', points((r) => weighted[r])]] as [
          ColourName,
          string,
          { x: number; y: number }[],
        ][])
      : []),
    // Beyond the end of the fit the sharpened map is low-passed.
    [
      'result',
      'sharpened',
      guinier === undefined ? sharpened : sharpened.filter(({ x }) => x <= guinier.to ** -2),
    ],
  ];
  // A to 1/A^2, the unit of the axis.
  const range = guinier === undefined ? [] : [guinier.from ** -2, guinier.to ** -2];
  return draw(WIDE, { x: { label: 'squared frequency, 1/Å²' }, y: { label: 'ln amplitude' } }, [
    Plot.ruleX(range, { stroke: colour('limit'), strokeDasharray: '5 4' }),
    ...curves.map(([name, , data]) => line(data, name)),
    ...legend(curves.map(([name, label]) => [name, label])),
  ]);
}
