/** What the screens show of a finished run besides its maps: numbers, parts of the report, colours. */
import type { Engine, Volume } from '../engine/engine.ts';
import type { LocScaleResult } from '../pipeline/types.ts';
import { localResolutionMaps, measuredMaps } from '../report/maps-of-runs.ts';
import { reportParts } from '../report/page.ts';
import { mapOf, type ReportData, type ReportedMap } from '../report/report-data.ts';
import type { RunRecord } from '../report/run-record.ts';
import { coloured, measureBFactors } from '../report/scenes.ts';
import { cropSection } from '../report/section.ts';
import { whiteOf } from '../report/section-figures.ts';
import type { RunSummary } from './protocol.ts';
import type { ColourMap } from './shown.ts';
import { inPageWords } from './words.ts';

/** A finished run, with its report's data. */
export interface RunToSummarise
  extends Pick<RunSummary, 'engine' | 'mode' | 'seconds' | 'warnings' | 'files'> {
  readonly result: Pick<LocScaleResult, 'numbers' | 'soft'>;
  readonly reportData: ReportData;
  readonly record: RunRecord;
}

/** Where the resolution of a run is from. */
const SOURCES: Readonly<Record<LocScaleResult['numbers']['fscCutoffSource'], string>> = {
  user: 'resolution given',
  'half-map FSC': 'half-map FSC = 0.143',
  'half-map FSC to Nyquist': 'Nyquist (the FSC stays above 0.143)',
  'half-map FSC within the mask': 'FSC inside the mask = 0.143',
  nyquist: 'limit of the voxel size',
  'low-pass': 'low-pass found in the map',
};

/** What the page shows of a run: numbers, scales of its sections, and the report's parts as markup. */
export function summaryOf({ result, reportData, record, ...run }: RunToSummarise): RunSummary {
  const { numbers, soft } = result;
  const white = (map: ReportedMap | undefined): number =>
    map === undefined ? 1 : whiteOf(map.sections.map((section) => cropSection(section, reportData.crop)));
  const parts = reportParts(reportData, record, { kind: 'scale', spell: inPageWords, views: false });
  return {
    ...run,
    resolution: numbers.fscCutoff,
    resolutionSource: SOURCES[numbers.fscCutoffSource],
    voxelSize: numbers.voxelSize,
    shape: numbers.shape,
    maskVolume: numbers.maskVoxels * numbers.voxelSize ** 3,
    windowAngstrom: numbers.windowAngstrom,
    windowSigma: soft?.windowSigma,
    parts: parts.map(({ id, heading, content }) => ({ id, heading, markup: content.markup })),
    crop: reportData.crop,
    centre: reportData.centre,
    scales: { before: white(mapOf(reportData, 'input')), after: white(mapOf(reportData, 'result')) },
  };
}

/** A map that surfaces can be coloured by, with the end of its file's name. */
interface ColourVolume extends Pick<ColourMap, 'label' | 'unit' | 'range'> {
  readonly name: string;
  readonly volume: Volume;
}

/** Local B factor and local resolution, where the run measured them. */
export async function coloursOf(engine: Engine, result: LocScaleResult): Promise<ColourVolume[]> {
  const measured = await measureBFactors(engine, result);
  const colours: ColourVolume[] = [];
  const { bFactor } = measuredMaps;
  if (measured !== undefined)
    colours.push({
      label: 'local B factor',
      unit: 'Å²',
      range: coloured(measured),
      name: bFactor.name,
      volume: bFactor.volume(result) as Volume,
    });
  for (const { name, volume: volumeOf } of [localResolutionMaps.resolution, measuredMaps.bandResolution]) {
    const volume = volumeOf(result);
    if (volume === undefined) continue;
    colours.push({ label: 'local resolution', unit: 'Å', name, volume });
    break;
  }
  return colours;
}
