/**
 * The sections of a report in which a reader looks at the maps themselves: before and after in sections, and
 * as surfaces. Both are moved by the script of the page (page-script.ts).
 */
import { toBase64 } from './base64.ts';
import { html, jsonForScript, trusted } from './html.ts';
import type { Part } from './page-parts.ts';
import { mapOf, type ReportData } from './report-data.ts';
import { AXIS_NAMES, axes } from './section.ts';
import { greyUrls, sectionsFigure } from './section-figures.ts';

/** Initial fraction of the mask's volume that surfaces enclose (as in ChimeraX files, chimerax.ts). */
const FIRST_SURFACE_PERCENT = 35;

/**
 * Sections of the maps with a divider between before and after. `result` and at least one other map exist.
 */
export function comparePart(reportData: ReportData): Part {
  const result = mapOf(reportData, 'result')!;
  const others = reportData.maps.filter((map) => map !== result);
  const after = greyUrls(result, reportData);
  const before = others.map((map) => ({ ...map, urls: greyUrls(map, reportData) }));
  const [first] = before;
  return {
    id: 'compare',
    heading: 'Before and after',
    figures: [{ name: 'sections', svg: sectionsFigure(reportData) }],
    content: html`<p>Sections through the mask's centre of gravity. Drag across a picture, or move the slider.
Each map is shown on its own grey scale: zero is dark grey, the brightest 0.2 % are white. Side chains and
strands should come out clearer where density was blurred, without grain appearing in places that were
empty.</p>
<div data-compare style="--cut: 50%">
<div class="controls"><label><span>before</span><input type="range" min="0" max="100" step="0.5" value="50"
aria-label="Position of the divider between before and after"><span>after</span></label>
${
  before.length < 2
    ? undefined
    : html`<span>compare with:</span>${before.map(
        ({ role, label }, i) =>
          html`<label><input type="radio" name="before" value="${role}"
data-label="${label}"${trusted(i === 0 ? ' checked' : '')}>${label}</label>`,
      )}`
}</div>
<div class="three">${axes.map(
      (axis) => html`<div class="panel"><p class="quiet">normal to ${AXIS_NAMES[axis]},
voxel ${reportData.centre[axis]}</p>
<div class="compare" data-axis="${AXIS_NAMES[axis]}">${before.map(
        ({ role, label, urls }, i) => html`<img
data-map="${role}" src="${trusted(urls[axis])}" alt="${label}, section normal to ${AXIS_NAMES[axis]}"
draggable="false"${trusted(i === 0 ? '' : ' hidden')}>`,
      )}<div class="after"><img src="${trusted(after[axis])}"
alt="${result.label}, section normal to ${AXIS_NAMES[axis]}" draggable="false"></div><span
class="tag left">${first?.label}</span><span class="tag right">${result.label}</span></div></div>`,
    )}</div>
</div>`,
  };
}

/**
 * Surfaces of the shrunk maps, drawn by the script of the page (page-script.ts) from data embedded as base64.
 */
export function solidPart(reportData: ReportData): Part {
  const result = mapOf(reportData, 'result')!;
  const others = reportData.maps.filter((map) => map !== result);
  const { size } = reportData.crop;
  const data = {
    shape: result.solid.shape,
    maskShare: reportData.mask.voxels / (size[0] * size[1] * size[2]),
    maps: reportData.maps.map(({ role, solid }) => ({ role, bytes: toBase64(solid.bytes) })),
  };
  const [nz, ny, nx] = result.solid.shape;
  // The copies are at most as large as the crop; smaller ones have coarser voxels.
  const shrunk = Math.max(...size) > Math.max(...result.solid.shape);
  const spacing = (reportData.voxelSize * Math.max(...size)) / Math.max(...result.solid.shape);
  const lead = shrunk
    ? `The maps are shrunk to ${nx} × ${ny} × ${nz} voxels of ${spacing.toFixed(2)} Å for this page: ` +
      'for detail open'
    : 'For more, open';
  return {
    id: 'solid',
    heading: 'In three dimensions',
    figures: [],
    content: html`<p>Drag to turn (or use the arrow keys). Both surfaces enclose the same volume, so that a
difference is one of shape, not of
level. ${lead} the
.cxc file next to the map in ChimeraX.</p>
<div id="solid-view" class="solid">
<div class="controls"><label>surface <input id="solid-level" type="range" min="5" max="100" step="1"
value="${FIRST_SURFACE_PERCENT}" aria-label="Volume that the surface encloses, percent of the mask"> <output
id="solid-percent">${FIRST_SURFACE_PERCENT} % of the mask</output></label>
<label>size <input id="solid-zoom" type="range" min="0.7" max="3" step="0.05" value="1"
aria-label="Magnification"></label>
${
  others.length < 2
    ? undefined
    : html`<label>left <select id="solid-left">${others.map(
        ({ role, label }) => html`<option value="${role}">${label}</option>`,
      )}</select></label>`
}</div>
<canvas id="solid-canvas" tabindex="0" role="img" aria-label="Surfaces of the maps before and after"></canvas>
<div class="names"><span id="solid-left-name">${others[0]?.label}</span><span>${result.label}</span></div>
</div>
<p id="solid-missing" class="quiet" hidden>This browser offers no WebGL 2, which the surfaces need; everything
else on this page works without it.</p>
<script type="application/json" id="solids">${jsonForScript(data)}</script>`,
  };
}
