/** `locscale-gpu locres HALF1 HALF2`: local resolution, the map filtered at it, a ChimeraX scene, the record. */
import { extname } from 'node:path';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import { writeMrc } from '../formats/mrc.ts';
import { imageOf, runLocalResolution } from '../pipeline/index.ts';
import type { LocScaleJob } from '../pipeline/types.ts';
import { resolutionWords } from './fsc.ts';
import { parametersOf, refusePositionals } from './job-options.ts';
import {
  describeLocalResolution,
  histogramLines,
  localResolutionOutputs,
  localResolutionSettings,
} from './local-resolution.ts';
import { encodeManifest, stemOf } from './manifest.ts';
import { openInputs } from './open-inputs.ts';
import { sizeOfInput } from './open-map.ts';
import { contextFor, type Session, withEngine } from './session.ts';
import { packageVersion } from './version.ts';
import { checkOutputs, StagedOutputs } from './write-file.ts';

export async function runLocresCommand(session: Session): Promise<void> {
  const { values } = session.parsed;
  const [half1, half2] = halfMapsOf(session);
  const resolution = values.outfile ?? 'localres.mrc';
  if (['.gz', '.bz2', '.json', '.cxc'].includes(extname(resolution).toLowerCase())) {
    throw new LocScaleError('usage', `The map cannot be written as ${extname(resolution)}.`, {
      where: '-o',
      hint: 'Give a name that ends in .mrc or .map.',
    });
  }
  const stem = stemOf(resolution);
  const files = { resolution, filtered: `${stem}_filtered.mrc`, scene: `${stem}.cxc` };
  const manifest = `${stem}.json`;
  const inputs = [half1, half2, ...(values.mask === undefined ? [] : [values.mask])];
  for (const path of inputs) await sizeOfInput(path);
  await checkOutputs([...Object.values(files), manifest], inputs);
  noteIneffective(session);
  // The mask of the default run.
  const parameters = parametersOf(values, true);
  const settings = localResolutionSettings(values);
  const version = packageVersion();
  const started = new Date().toISOString();

  await withEngine(session, async (engine) => {
    const opened = await openInputs(session, engine, { kind: 'half-maps', half1, half2 });
    const { mask } = opened;
    const input = opened.input as Extract<LocScaleJob['input'], { kind: 'half-maps' }>;
    const found = await runLocalResolution(
      { input, ...(mask === undefined ? {} : { mask }), parameters, settings },
      contextFor(session, engine),
    );
    session.progress.clear();
    const { numbers, maskVoxels, voxelSize } = found;
    const { maps, texts } = localResolutionOutputs(files, found, files.filtered, maskVoxels * voxelSize ** 3);
    const staged = new StagedOutputs();
    try {
      for (const { path, volume, label } of maps) {
        if (path === undefined || volume === undefined) continue;
        const image = await imageOf(engine, volume, path, found);
        await staged.stage(path, writeMrc(image, { label: `locscale-gpu ${version}: ${label}` }));
      }
      for (const { path, text } of texts) if (path !== undefined) await staged.stage(path, text);
      await staged.stage(
        manifest,
        encodeManifest({
          version,
          command: ['locscale-gpu', ...session.argv],
          started,
          mode: 'local resolution of half maps',
          engine: engine.description,
          inputs: opened.files,
          parameters: {
            ...parameters,
            ...settings,
            ...(values.apix === undefined ? {} : { apix: values.apix }),
          },
          numbers: {
            voxelSize,
            shape: found.grid.shape,
            maskVoxels,
            maskOrigin: found.maskOrigin,
            ...(found.noiseBoxes === undefined ? {} : { noise: found.noiseBoxes }),
            localResolution: numbers,
          },
          fsc: found.fsc,
          secondsPerStep: found.timings,
          outputs: Object.values(files),
          warnings: found.warnings,
        }),
      );
      stopIfAborted(session.signal);
      for (const line of histogramLines(numbers)) session.logger.line(line);
      session.logger.line(`Resolution of the whole half maps, unmasked: ${resolutionWords(found.fsc)}.`);
      session.logger.line(describeLocalResolution(numbers));
      for (const path of await staged.commit()) session.logger.line(`Wrote ${path}`);
    } finally {
      staged.discard();
    }
  });
}

function halfMapsOf({ parsed: { values, positionals } }: Session): readonly [string, string] {
  refusePositionals(positionals, values.halfmapPaths === undefined ? 2 : 0);
  if (values.halfmapPaths !== undefined) return values.halfmapPaths;
  if (positionals.length === 2) return [positionals[0], positionals[1]];
  throw new LocScaleError('usage', 'The command locres needs two half maps.', {
    where: 'locres',
    hint: 'Write locscale-gpu locres -hm HALF1 HALF2.',
  });
}

/** With a mask none is made. */
function noteIneffective({ parsed: { values }, logger }: Session): void {
  if (values.mask === undefined) return;
  const masking = [
    [values.fdrThreshold, '--fdr_threshold'],
    [values.fdrFilter, '--fdr_filter'],
    [values.fdrWindow, '--fdr_window_size'],
    [values.noiseBox, '--noise_box'],
  ] as const;
  for (const [given, name] of masking)
    if (given !== undefined) logger.note(`${name} has no effect: a mask is given.`);
}
