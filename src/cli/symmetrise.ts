/** `locscale-gpu symmetrise MAP -sym GROUP`: the map averaged over a point group or a helix. */
import { extname } from 'node:path';
import { LocScaleError } from '../errors.ts';
import { writeMrc } from '../formats/mrc.ts';
import { voxelCount } from '../math/grid.ts';
import { checkSymmetry, resolveSymmetry } from '../pipeline/symmetrise.ts';
import { imageOf } from '../pipeline/write.ts';
import { chooseOneMap, openOneMap } from './open-one-map.ts';
import { contextFor, type Session, withEngine } from './session.ts';
import { symmetryRequestOf } from './symmetry-request.ts';
import { packageVersion } from './version.ts';
import { checkOutputs, StagedOutputs } from './write-file.ts';

export async function runSymmetriseCommand(session: Session): Promise<void> {
  const { values } = session.parsed;
  const one = await chooseOneMap(session);
  const outfile = values.outfile ?? 'symmetrised.mrc';
  if (['.gz', '.bz2', '.json'].includes(extname(outfile).toLowerCase())) {
    throw new LocScaleError('usage', `The map cannot be written as ${extname(outfile)}.`, {
      where: '-o',
      hint: 'Give a name that ends in .mrc or .map.',
    });
  }
  const request = await symmetryRequestOf(values);
  if (request === undefined)
    throw new LocScaleError('usage', 'No symmetry is given.', {
      where: '-sym',
      hint: 'Give it with -sym GROUP (C4, D7, T, O, I, ... or a file with operators), or a helix.',
    });
  await checkOutputs([outfile], one.paths);
  await withEngine(session, async (engine) => {
    const image = await openOneMap(session, engine, one);
    const symmetry = resolveSymmetry(request, image.grid);
    const volume = await engine.upload(image.data, image.grid.shape);
    const { logger } = session;
    const { warning, correlation } = await checkSymmetry(engine, volume, image.grid, symmetry);
    if (warning !== undefined) contextFor(session, engine).onWarning?.(warning);
    else logger.line(`The map correlates with its turned copies by ${correlation.toFixed(2)} or more.`);
    logger.line(`Averaging over ${symmetry.operators.length} operators (${symmetry.name})`);
    const averaged = await engine.symmetrise(volume, symmetry.operators, symmetry.options);
    engine.release(volume);
    const made = await imageOf(engine, averaged, outfile, image);
    const staged = new StagedOutputs();
    try {
      const label = `locscale-gpu ${packageVersion()}: symmetry ${symmetry.name}`;
      await staged.stage(outfile, writeMrc(made, { label: label.slice(0, 80) }));
      for (const written of await staged.commit()) logger.line(`Wrote ${written}`);
    } finally {
      staged.discard();
    }
    logger.detail(`  ${voxelCount(image.grid.shape)} voxels`);
  });
}
