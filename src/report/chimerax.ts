/** ChimeraX command files (.cxc) that open the maps of a run at sensible levels, coloured. */

/** LocScale's colours of pVDDT: blue where density was lost, red where it was gained. */
export const PVDDT_PALETTE = '-95,#0000ff:-80,#00ffff:0,#00ff00:80,#ffff00:95,#ff0000';

/** Colours of local B factors, low to high, A^2: blue, white, red, as models are coloured. */
export function bFactorPalette(low: number, high: number): string {
  const stops = [
    [low, '#2166ac'],
    [(low + high) / 2, '#f7f7f7'],
    [high, '#b2182b'],
  ] as const;
  return stops.map(([value, colour]) => `${Number(value.toFixed(1))},${colour}`).join(':');
}

/**
 * Share of the scaling mask's volume that a surface of good detail encloses: the mask goes round the
 * molecule, the surface round its chains.
 */
const SURFACE_SHARE = 0.35;

/** One map of a script. */
export interface SceneMap {
  /** Absolute path: ChimeraX reads relative ones from its own working directory. */
  readonly path: string;
  /** Shown as a surface; the others are opened hidden. */
  readonly shown: boolean;
}

/**
 * `maps` become models #1, #2 ... in their order. `colour`: the shown maps are coloured by the values of
 * model `by` (counted from 1). `more`: commands behind those of the maps.
 */
export function chimeraxScript(
  title: string,
  maps: readonly SceneMap[],
  maskVolumeCubicAngstrom: number,
  colour: { readonly by: number; readonly palette: string; readonly key: string } | undefined,
  more: readonly string[] = [],
): string {
  const shown = maps.flatMap((map, i) => (map.shown ? [`#${i + 1}`] : []));
  const enclosed = Math.round(SURFACE_SHARE * maskVolumeCubicAngstrom);
  return [
    `# ${title}`,
    ...maps.map(({ path }) => `open ${quote(path)}`),
    'volume all hide',
    ...shown.map((model) => `volume ${model} show style surface step 1 encloseVolume ${enclosed}`),
    ...(colour === undefined
      ? []
      : [
          `# ${colour.key}`,
          ...shown.map((model) => `color sample ${model} map #${colour.by} palette ${colour.palette}`),
        ]),
    // One at a time: surfaces of the same molecule cover each other.
    ...shown.slice(1).map((model) => `hide ${model} models`),
    ...more,
    'view',
    '',
  ].join('\n');
}

/** Low to high: poor in red, good in blue. */
export const SCORE_PALETTE = '0,#b2182b:0.4,#f7f7f7:0.8,#2166ac';

/**
 * Commands that open a model as #`number` with the attributes of a file, and colour it by one of them; the
 * surfaces of the maps before it let it show through.
 */
export function colouredModel(
  number: number,
  { model, attributes }: { readonly model: string; readonly attributes: string },
  { attribute, key }: { readonly attribute: string; readonly key: string },
): string[] {
  return [
    ...(number === 1 ? [] : [`transparency #1${number === 2 ? '' : `-${number - 1}`} 60`]),
    `open ${quote(model)}`,
    `open ${quote(attributes)}`,
    `# ${key}`,
    colourCommand(number, attribute),
  ];
}

/** Colours atoms by a score, in the palette above; grey where an atom has none. */
export function colourCommand(model: number, attribute: string): string {
  return `color byattribute r:${attribute} #${model} palette ${SCORE_PALETTE} noValueColor gray`;
}

/** Double quotes keep spaces together; a quote inside is doubled. */
function quote(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}
