/** Colours. The page takes them from style variables, which know dark mode; pictures outside it are light. */

/** Colours by what they stand for, with enough contrast on the paper of their mode. */
export const seriesColours = {
  input: { light: '#c2571a', dark: '#f0935a' },
  reference: { light: '#6b7280', dark: '#a3abb8' },
  result: { light: '#1f6fb2', dark: '#63b3f0' },
  green: { light: '#23804b', dark: '#5fd39a' },
  violet: { light: '#7b4bb3', dark: '#b791f0' },
  limit: { light: '#b3261e', dark: '#ff8a80' },
  faint: { light: '#9aa1ab', dark: '#6b7480' },
  ink: { light: '#1d2430', dark: '#e6e9ee' },
  paper: { light: '#ffffff', dark: '#161b22' },
} as const;

/** What a colour stands for, not how it looks: figures share one palette. */
export type ColourName = keyof typeof seriesColours;

/** The colour as a style variable, which `styleVariables` defines. */
export function colour(name: ColourName): string {
  return `var(--${name})`;
}

/** The same SVG with the light colours written out, for programs that know no style variables. */
export function withLightColours(svg: string): string {
  return svg
    .replaceAll(/var\(--([a-z]+)\)/g, (whole, name: string) =>
      name in seriesColours ? seriesColours[name as ColourName].light : whole,
    )
    .replaceAll('currentColor', seriesColours.ink.light);
}

/** Definitions of the variables for a style sheet. */
export function styleVariables(mode: 'light' | 'dark'): string {
  return Object.entries(seriesColours)
    .map(([name, colours]) => `--${name}: ${colours[mode]};`)
    .join(' ');
}

/** 0 to 255. */
type Rgb = readonly [number, number, number];

/** Low to high, perceptually even, readable by the colour-blind (viridis at nine points). */
const SEQUENTIAL: readonly Rgb[] = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [253, 231, 37],
];
/** Blue, white, red: below, at and above the middle. */
const DIVERGING: readonly Rgb[] = [
  [33, 102, 172],
  [103, 169, 207],
  [209, 229, 240],
  [247, 247, 247],
  [253, 219, 199],
  [239, 138, 98],
  [178, 24, 43],
];

/** Sequential for amounts, diverging for what has a middle: gain 1, pVDDT 0. */
export type ScaleKind = 'sequential' | 'diverging';

/** Colour of a value, linear between the stops. `t` from 0 to 1; values beyond take the end's colour. */
export function scaleColour(kind: ScaleKind, t: number): Rgb {
  const stops = kind === 'sequential' ? SEQUENTIAL : DIVERGING;
  const at = Math.min(1, Math.max(0, t)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  return stops[low].map((v, i) => Math.round(v + (at - low) * (stops[low + 1][i] - v))) as unknown as Rgb;
}

/** For a bar that explains the scale, in CSS. */
export function scaleGradient(kind: ScaleKind): string {
  const stops = kind === 'sequential' ? SEQUENTIAL : DIVERGING;
  return `linear-gradient(to right, ${stops.map((rgb) => `rgb(${rgb.join(' ')})`).join(', ')})`;
}
