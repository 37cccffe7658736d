/**
 * The report of a run: one HTML file that needs nothing else, neither network nor other files. The page's
 * content-security policy says so to the browser: nothing may be loaded, and no script runs but its own.
 */

import { chainParts, modelFscPart, profilesPart, summaryPart } from './assess-parts.ts';
import { toBase64 } from './base64.ts';
import { runChecks, runMeasurementChecks } from './checks.ts';
import { html, type Markup, trusted } from './html.ts';
import {
  bandPart,
  bFactorPart,
  comparisonPart,
  type Figure,
  fscPart,
  localPart,
  maskPart,
  type Part,
  profilePart,
  scaleFactorPart,
} from './page-parts.ts';
import { pageScript } from './page-script.ts';
import { pageStyle } from './page-style.ts';
import { guinierPart, maskedFscPart } from './postprocess-parts.ts';
import { recordPart } from './record-part.ts';
import { mapOf, type ReportData } from './report-data.ts';
import type { RunRecord } from './run-record.ts';
import { unexplainedPart } from './unexplained-part.ts';
import { comparePart, solidPart } from './view-parts.ts';

/** The page and its figures, which the command line also writes as PNGs. */
export interface Report {
  /** One file with everything in it: it opens without a network. */
  readonly html: string;
  /** The curves, each on its own. */
  readonly figures: readonly Figure[];
}

/** Commands that have a report; all but the first two scale nothing locally. */
export type ReportKind = 'scale' | 'feature_enhance' | 'postprocess' | 'locres' | 'mask' | 'assess';

/** What a page states besides the data. */
export interface ReportWords {
  /** Name of the output, as the heading. */
  readonly title: string;
  /** Decides which parts the page has. */
  readonly kind: ReportKind;
  /** Turns the parameters that sentences name into what the reader can set. */
  readonly spell?: (sentence: string) => string;
}

/** The parts in their order; `views`: those with maps to look at among them. */
export function reportParts(
  reportData: ReportData,
  record: RunRecord,
  words: Pick<ReportWords, 'kind' | 'spell'> & { readonly views: boolean },
): Part[] {
  const { kind, views, spell = (sentence) => sentence } = words;
  if (kind === 'assess') return assessParts(reportData, record, spell);
  // A mask has nothing after it to compare with.
  const maps = views && kind !== 'mask' ? [comparePart(reportData), solidPart(reportData)] : [];
  if (kind === 'postprocess')
    return [
      checksPart(reportData, record, kind, spell),
      ...maps,
      fscPart(record),
      ...(record.fscInMask === undefined ? [] : [maskedFscPart(record.fscInMask)]),
      ...(record.postprocess === undefined ? [] : [guinierPart(record.postprocess)]),
      maskPart(reportData, record),
      recordPart(record),
    ];
  if (kind === 'mask' || kind === 'locres')
    return [
      checksPart(reportData, record, kind, spell),
      ...maps,
      ...(reportData.local === undefined ? [] : [localPart(reportData.local, reportData, kind)]),
      ...(record.fsc === undefined ? [] : [fscPart(record)]),
      maskPart(reportData, record),
      recordPart(record),
    ];
  const bands = bandPart(record);
  const comparison = comparisonPart(record);
  return [
    checksPart(reportData, record, kind, spell),
    ...maps,
    fscPart(record),
    ...(record.fscInMask === undefined ? [] : [maskedFscPart(record.fscInMask)]),
    profilePart(reportData, record, kind),
    ...(bands === undefined ? [] : [bands]),
    ...(comparison === undefined ? [] : [comparison]),
    scaleFactorPart(reportData, record),
    bFactorPart(reportData, kind, spell),
    ...(record.unexplained === undefined ? [] : [unexplainedPart(reportData, record.unexplained)]),
    maskPart(reportData, record),
    recordPart(record),
  ];
}

/** Parts of a comparison with a model: the summary first, as nothing was changed. */
function assessParts(reportData: ReportData, record: RunRecord, spell: (sentence: string) => string): Part[] {
  const { assessment } = reportData;
  return [
    ...(assessment === undefined ? [] : [summaryPart(assessment)]),
    checksPart(reportData, record, 'assess', spell),
    ...(assessment === undefined ? [] : [modelFscPart(assessment), ...chainParts(assessment)]),
    ...(assessment === undefined ? [] : [profilesPart(assessment)]),
    ...(record.fscInMask === undefined ? [] : [maskedFscPart(record.fscInMask)]),
    maskPart(reportData, record),
    recordPart(record),
  ];
}

/** Renders the page. Sentences that name parameters pass through `words.spell`. */
export async function renderReport(
  reportData: ReportData,
  record: RunRecord,
  words: ReportWords,
): Promise<Report> {
  const parts = reportParts(reportData, record, { ...words, views: true });
  const started = record.started.replace('T', ' ').slice(0, 16);
  const body = html`<header><div>
<h1>${words.title}</h1>
<p class="quiet">${record.mode} · ${record.program} ${record.version} · ${started} UTC</p>
<nav aria-label="Contents">${parts.map(({ id, heading }) => html`<a href="#${id}">${heading}</a>`)}</nav>
</div></header>
<main>
${keyNumbers(reportData, record, words.kind)}
${parts.map(
  ({ id, heading, content }) => html`<section
id="${id}"><h2>${heading}</h2>${content}</section>\n`,
)}
</main>
<footer class="quiet">Written by ${record.program} ${record.version}. This file is complete: it loads nothing,
and can be mailed or archived.</footer>`;
  return { html: await wrap(words.title, body), figures: parts.flatMap(({ figures }) => figures) };
}

/**
 * The document around the body. Its policy allows inline styles, images as data, and the script with this
 * hash.
 */
async function wrap(title: string, body: Markup): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(pageScript));
  const policy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src " +
    `'sha256-${toBase64(new Uint8Array(digest))}'; base-uri 'none'; form-action 'none'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · report</title>
<style>${trusted(pageStyle())}</style>
</head>
<body>
${body}
<script>${trusted(pageScript)}</script>
</body>
</html>
`.markup;
}

/** The numbers at the top of the page: resolution, box, voxel size, mask, window and time. */
function keyNumbers(
  reportData: ReportData,
  { numbers, secondsPerStep, fsc, soft }: RunRecord,
  kind: ReportKind,
): Markup {
  const total = Object.values(secondsPerStep).reduce((sum, s) => sum + s, 0);
  const tile = (name: string, value: string): Markup => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const assessed = reportData.assessment;
  const resolution = assessed ? assessed.resolution : (fsc?.resolution ?? numbers.fscCutoff);
  const measured = fsc?.verdict.end === 'nyquist' ? 'Nyquist' : 'FSC = 0.143';
  const source = assessed || fsc?.resolution === undefined ? 'resolution used' : measured;
  const [z, y, x] = reportData.shape;
  return html`<dl class="numbers">
${resolution === undefined ? undefined : tile(source, `${resolution.toFixed(2)} Å`)}
${tile('box, voxels', x === y && y === z ? `${x}³` : `${x}×${y}×${z}`)}
${tile('voxel', `${Number(reportData.voxelSize.toFixed(4))} Å`)}
${tile('mask', `${Math.round(reportData.mask.voxels * reportData.voxelSize ** 3).toLocaleString('en')} Å³`)}
${
  kind === 'mask' || kind === 'postprocess' || kind === 'assess'
    ? undefined
    : soft?.windowSigma === undefined
      ? tile('window', `${(reportData.windows.edge * reportData.voxelSize).toFixed(1)} Å`)
      : tile('Gaussian windows, σ', `${soft.windowSigma.toFixed(1)} Å`)
}
${tile('time', total < 100 ? `${total.toFixed(1)} s` : `${(total / 60).toFixed(1)} min`)}
</dl>`;
}

/** Warnings of the run first, then the automatic checks. */
function checksPart(
  reportData: ReportData,
  record: RunRecord,
  kind: ReportKind,
  spell: (sentence: string) => string,
): Part {
  const check = kind === 'scale' || kind === 'feature_enhance' ? runChecks : runMeasurementChecks;
  const checks = check(reportData, record.fsc, record.numbers).map((check) => ({
    ...check,
    text: spell(check.text),
  }));
  const list = [
    ...record.warnings.map((text) => ({ state: 'warning', sign: '!', title: 'Warning of the run', text })),
    ...checks.map((check) => ({ ...check, sign: check.state === 'good' ? '✓' : '!' })),
  ];
  const open = list.filter(({ state }) => state !== 'good').length;
  const result = mapOf(reportData, 'result')?.label ?? (kind === 'assess' ? 'comparison' : kind);
  const verdict =
    open === 0
      ? 'Nothing stands out.'
      : `${open} of ${list.length} points deserve a look before the ${result} is used.`;
  return {
    id: 'checks',
    heading: 'What to look at',
    figures: [],
    content: html`<p>${verdict} The
figures show the rest.</p>
<ul class="checks">${list.map(
      ({ state, sign, title, text }) => html`<li class="${state}"><span
class="sign">${sign}</span><span><strong>${title}.</strong> ${text}</span></li>`,
    )}</ul>`,
  };
}
