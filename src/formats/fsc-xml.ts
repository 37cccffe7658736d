/** Writes FSC curves in the XML format of the EMDB. */

/** EMDB's FSC schema, with RELION's attributes. `frequency`: 1/A. */
export function encodeFscXml(
  title: string,
  frequency: readonly number[],
  correlation: readonly number[],
): string {
  const points = frequency.map(
    (x, i) =>
      `  <coordinate>\n    <x>${x.toFixed(6)}</x>\n    <y>${correlation[i].toFixed(6)}</y>\n  ` +
      `</coordinate>\n`,
  );
  return (
    `<fsc title="${title}" xaxis="Resolution (A-1)" yaxis="Correlation ` +
    `Coefficient">\n${points.join('')}</fsc>\n`
  );
}
