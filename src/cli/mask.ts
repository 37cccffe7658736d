/** `locscale-gpu mask MAP`: the FDR confidence map and the mask made from it. */
import type { Volume } from '../engine/engine.ts';
import { writeMrc } from '../formats/mrc.ts';
import { imageOf, runMask } from '../pipeline/index.ts';
import type { LocScaleJob, MapImage } from '../pipeline/types.ts';
import { chooseInput, chooseOutfile, parametersOf, refusePositionals } from './job-options.ts';
import { encodeManifest, stemOf } from './manifest.ts';
import { type InputFile, openMap, sizeOfInput } from './open-map.ts';
import { contextFor, readingEvents, type Session, withEngine } from './session.ts';
import { packageVersion } from './version.ts';
import { checkOutputs, StagedOutputs } from './write-file.ts';

export async function runMaskCommand(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  const input = chooseInput(values, positionals[0]);
  refusePositionals(positionals, 1);
  const maskPath = chooseOutfile(values, 'mask');
  const confidencePath = `${stemOf(maskPath)}_confidence.mrc`;
  const manifestPath = `${stemOf(maskPath)}.json`;
  const inputs = input.kind === 'map' ? [input.map] : [input.half1, input.half2];
  for (const path of inputs) await sizeOfInput(path);
  await checkOutputs([maskPath, confidencePath, manifestPath], inputs);
  const parameters = parametersOf(values);
  const version = packageVersion();
  const started = new Date().toISOString();

  await withEngine(session, async (engine) => {
    const files: InputFile[] = [];
    const open = async (path: string, role: string): Promise<MapImage> => {
      const { image, file } = await openMap(path, {
        role,
        allocate: (voxels) => engine.allocateHost(voxels),
        ...readingEvents(session),
      });
      files.push(file);
      return image;
    };
    const maps: LocScaleJob['input'] =
      input.kind === 'map'
        ? { kind: 'map', map: await open(input.map, 'map') }
        : {
            kind: 'half-maps',
            half1: await open(input.half1, 'half map 1'),
            half2: await open(input.half2, 'half map 2'),
          };
    const made = await runMask(maps, parameters, contextFor(session, engine));

    const staged = new StagedOutputs();
    const stage = async (path: string, volume: Volume, what: string): Promise<void> =>
      staged.stage(
        path,
        writeMrc(await imageOf(engine, volume, path, made), { label: `locscale-gpu ${version}: ${what}` }),
      );
    try {
      await stage(maskPath, made.mask, made.origin.source === 'FDR' ? 'FDR mask' : 'mask');
      if (made.confidence !== undefined) await stage(confidencePath, made.confidence, 'FDR confidence map');
      await staged.stage(
        manifestPath,
        encodeManifest({
          version,
          command: ['locscale-gpu', ...session.argv],
          started,
          mode: 'FDR confidence mask',
          engine: engine.description,
          inputs: files,
          parameters: { ...parameters },
          numbers: {
            maskVoxels: made.maskVoxels,
            maskOrigin: made.origin,
            ...made.molecule,
            ...(made.noise === undefined ? {} : { noise: made.noise }),
          },
          secondsPerStep: made.timings,
          outputs: made.confidence === undefined ? [maskPath] : [maskPath, confidencePath],
          warnings: made.warnings,
        }),
      );
      const { noise, molecule } = made;
      if (noise !== undefined) {
        session.logger.line(
          `Noise: mean ${noise.mean.toPrecision(4)}, sd ${Math.sqrt(noise.variance).toPrecision(4)} from ${noise.boxes.length} boxes of ${noise.boxes[0].size} voxels`,
        );
      }
      session.logger.line(
        `Mask: ${made.maskVoxels} voxels, ${Math.round(molecule.molecularVolume)} A^3, about ${molecule.atoms} atoms; Wilson cut-off ${molecule.wilsonCutoff.toFixed(2)} A`,
      );
      for (const path of await staged.commit()) session.logger.line(`Wrote ${path}`);
    } finally {
      staged.discard();
    }
  });
}
