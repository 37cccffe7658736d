/** FSC curves in the XML that the EMDB takes. */

interface Curve {
  /** 1/A. */
  readonly frequency: readonly number[];
  readonly correlation: readonly number[];
}

/** The FSC schema of the EMDB, as RELION writes it. */
export function encodeFscXml(fsc: Curve): string {
  const points = fsc.frequency.map(
    (x, i) =>
      `  <coordinate>\n    <x>${x.toFixed(6)}</x>\n    <y>${fsc.correlation[i].toFixed(6)}</y>\n  </coordinate>\n`,
  );
  return `<fsc title="Unmasked half maps" xaxis="Resolution (A-1)" yaxis="Correlation Coefficient">\n${points.join('')}</fsc>\n`;
}
