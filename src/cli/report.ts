/**
 * `--print_report`: writes the report of a run (report/page.ts) next to its output, and its figures as PNGs
 * in a folder of the same name. Drawing code is loaded only if a report is requested.
 */
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFolderName } from '../files/check-outputs.ts';
import type { FileContent } from '../files/staged-files.ts';
import type { OptionValues } from '../options/index.ts';
import type { RunToShow } from '../report/collect.ts';
import type { ReportKind } from '../report/page.ts';
import type { Figure } from '../report/page-parts.ts';
import type { ReportData } from '../report/report-data.ts';
import type { RunRecord } from '../report/run-record.ts';
import { stemOf } from './manifest.ts';
import { inOptions } from './spellings.ts';
import { usage } from './usage.ts';

/** Paths of a report. */
export interface ReportFiles {
  readonly page: string;
  /** Folder of the figures. */
  readonly folder: string;
}

/** Everything needed to draw the report of a run. */
export interface ReportRequest {
  readonly files: ReportFiles;
  readonly run: RunToShow;
  /** Name of the output. */
  readonly title: string;
  readonly kind: ReportKind;
  /** Called while the volumes of the run are still there. */
  readonly onData?: (data: ReportData) => Promise<void>;
}

/**
 * Paths of the report: next to the output unless --report_filename has a folder. Undefined without
 * --print_report.
 */
export function reportFilesOf(values: OptionValues, outfile: string): ReportFiles | undefined {
  if (values.printReport !== true) return undefined;
  const name = values.reportFilename;
  if (name === undefined) return filesAt(`${stemOf(outfile)}_report.html`);
  const path = pageNameOf(name);
  return filesAt(basename(path) === path ? join(dirname(outfile), path) : path);
}

/** The report is a page: X and X.pdf become X.html. */
function pageNameOf(name: string): string {
  if (/[/\\]$/.test(name) || ['', '.', '..'].includes(basename(name)))
    throw usage(
      `The report cannot be called "${name}": that is a folder.`,
      '--report_filename',
      'Give the name of a file, as report.html.',
    );
  const extension = extname(name);
  if (pageTypes.test(extension)) return name;
  return `${otherDocuments.test(extension) ? name.slice(0, -extension.length) : name}.html`;
}

/** Endings that a page keeps. */
const pageTypes = /^\.html?$/i;
/** Common endings of report names; any other ending (out_3.2A) is part of the name. */
const otherDocuments = /^\.(pdf|ps|txt|md|docx?|odt|png|jpe?g|svg|json)$/i;

/** A note if --report_filename has the ending of another kind of file. */
export function reportNameNote(values: OptionValues): string | undefined {
  const { reportFilename, printReport } = values;
  if (reportFilename === undefined || printReport !== true) return undefined;
  const extension = extname(reportFilename);
  if (!otherDocuments.test(extension)) return undefined;
  const kind = extension.slice(1).toUpperCase();
  const pdf = kind === 'PDF' ? '; a browser prints it as PDF' : '';
  return `The report is an HTML page, not ${kind}: it is written as ${pageNameOf(reportFilename)}${pdf}.`;
}

/** The option that names the page, for hints; the folder of figures is checked here. */
export async function checkReportNames(
  { reportFilename }: OptionValues,
  files: ReportFiles | undefined,
): Promise<Record<string, string>> {
  if (files === undefined) return {};
  const option = reportFilename === undefined ? '-o' : '--report_filename';
  await checkFolderName(files.folder, option);
  return { [files.page]: option };
}

/** "out_report.html" has its figures in "out_report_figures". */
function filesAt(page: string): ReportFiles {
  return { page, folder: `${stemOf(page)}_figures` };
}

/** Contents of the files; `pictures` are PNGs, one per figure. */
interface WrittenReport {
  readonly page: string;
  readonly pictures: readonly { readonly path: string; readonly content: FileContent }[];
  /** Reason why there are no figures, if any. */
  readonly note: string | undefined;
}

/**
 * Draws the page and its figures. The page always contains its figures as SVG; the PNGs for slides and papers
 * need an optional package.
 */
export async function drawReport(
  reportData: ReportData,
  record: RunRecord,
  { files: { page, folder }, title, kind }: Omit<ReportRequest, 'run'>,
): Promise<WrittenReport> {
  const { renderReport } = await import('../report/page.ts');
  const report = await renderReport(reportData, record, { title, kind, spell: inOptions });
  const pictures = await drawPictures(report.figures);
  return {
    page: report.html,
    pictures: (pictures ?? []).map(({ name, png }) => ({
      path: join(folder, `${name}.png`),
      content: [png],
    })),
    note:
      pictures === undefined
        ? 'The report has no folder of pictures: the optional package @resvg/resvg-js is not installed ' +
          `here ("npm install @resvg/resvg-js"). The figures are all in ${page}.`
        : undefined,
  };
}

/** For the list of written files: the folder represents its figures. */
export function withoutPictures(
  paths: readonly string[],
  request: Pick<ReportRequest, 'files'> | undefined,
): string[] {
  if (request === undefined) return [...paths];
  const { folder } = request.files;
  const rest = paths.filter((path) => dirname(path) !== folder);
  const pictures = paths.length - rest.length;
  return pictures === 0 ? rest : [...rest, `${folder} (${pictures} pictures)`];
}

/** Width of a curve in pixels, enough for a column of print. */
const CURVE_WIDTH = 1600;
/** Width of a section in pixels, hardly finer than its voxels. */
const SECTION_WIDTH = 800;

/** Figures as PNGs on white, with the light palette. Undefined if the drawing package is not installed. */
async function drawPictures(
  figures: readonly Figure[],
): Promise<{ name: string; png: Uint8Array }[] | undefined> {
  const { withLightColours } = await import('../report/palette.ts');
  let resvg: typeof import('@resvg/resvg-js');
  try {
    resvg = await import('@resvg/resvg-js');
  } catch {
    return undefined;
  }
  // A bundled font: servers often have none, and all text would be missing.
  const font = fileURLToPath(new URL('../report/fonts/report-font.ttf', import.meta.url));
  return figures.map(({ name, svg }) => ({
    name,
    png: new resvg.Resvg(withLightColours(svg), {
      background: '#ffffff',
      fitTo: { mode: 'width', value: svg.includes('<image') ? SECTION_WIDTH : CURVE_WIDTH },
      font: {
        fontFiles: [font],
        loadSystemFonts: false,
        defaultFontFamily: 'Open Sans',
        sansSerifFamily: 'Open Sans',
      },
    })
      .render()
      .asPng(),
  }));
}
