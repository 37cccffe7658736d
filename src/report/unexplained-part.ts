/**
 * The section of a report about density that the reference does not explain: where it lies, and what it is.
 */
import type { UnexplainedDensity } from '../pipeline/types.ts';
import { html, trusted } from './html.ts';
import type { Part } from './page-parts.ts';
import type { ReportData } from './report-data.ts';
import { AXIS_NAMES, axes } from './section.ts';
import { projectionFigure } from './section-figures.ts';

/** Rows of the table; the record has all. */
const MOST_ROWS = 30;

/**
 * The section on unexplained density: projections with the pieces on them, and a table of the pieces.
 * `projections` exist wherever pieces were found.
 */
export function unexplainedPart(
  reportData: ReportData,
  { blobs, lowPass, leastVolume }: Omit<UnexplainedDensity, 'map'>,
): Part {
  const id = 'unexplained';
  const heading = 'Density that the reference does not explain';
  const how =
    `Signal of the map at ${lowPass.toFixed(1)} Å that stands out from the noise, in pieces of ` +
    `at least ${Math.round(leastVolume)} Å³, where the reference has less than a fifth of it.`;
  const { projections } = reportData;
  if (blobs.length === 0 || projections === undefined)
    return { id, heading, figures: [], content: html`<p>None was found. ${how}</p>` };
  const svgs = axes.map((axis) => projectionFigure(projections, reportData, axis));
  const ofHalfMaps = blobs[0].meanFsc !== undefined;
  const hasModel = blobs[0].nearest !== undefined;
  const more = blobs.length - MOST_ROWS;
  return {
    id,
    heading,
    figures: svgs.map((svg, i) => ({ name: `unexplained-${AXIS_NAMES[i]}`, svg })),
    content: html`<p>${how} A ligand, glycan, lipid or micelle that the model lacks looks like this; so does a
model that sits in the wrong place. In the scaled map the amplitudes of such density
follow from no reference.</p>
<div class="three">${svgs.map(
      (svg, i) => html`<div class="panel"><p class="quiet">along ${AXIS_NAMES[i]}</p>${trusted(svg)}</div>`,
    )}</div>
<p class="quiet">Largest values along each axis. Grey: the map before. Orange: what is unexplained.</p>
<div class="scroll"><table><thead><tr><th class="number">blob</th><th>position x, y, z (Å)</th><th
class="number">volume (Å³)</th><th class="number">${ofHalfMaps ? 'local FSC' : 'signal to noise'}</th>${
      hasModel ? html`<th>nearest residue</th><th class="number">distance (Å)</th>` : undefined
    }</tr></thead><tbody>${blobs.slice(0, MOST_ROWS).map(
      ({ position, volume, meanFsc, signalToNoise, nearest }, i) =>
        html`<tr><td class="number">${i + 1}</td><td>${position.map((v) => v.toFixed(1)).join(', ')}</td><td
class="number">${Math.round(volume).toLocaleString('en')}</td><td class="number">${
          meanFsc?.toFixed(2) ?? signalToNoise?.toFixed(1) ?? '–'
        }</td>${
          nearest === undefined
            ? undefined
            : html`<td>${nearest.residueName} ${nearest.residueNumber}, chain ${nearest.chain}</td><td
class="number">${nearest.distance.toFixed(1)}</td>`
        }</tr>`,
    )}</tbody></table></div>
${more > 0 ? html`<p class="quiet">${more} smaller ones are in the record.</p>` : undefined}`,
  };
}
