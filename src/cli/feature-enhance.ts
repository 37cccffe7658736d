/**
 * `locscale-gpu feature_enhance`: writes the network's mean map over Monte-Carlo passes (the output), the
 * baseline map, the variance, pVDDT, and a ChimeraX file that shows them.
 */

import type { FeatureEnhanceJob, FeatureEnhanceResult } from '../index.ts';
import { planFeatureEnhance, runFeatureEnhance } from '../index.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import type { NetworkFiles } from '../network/run/network-graph.ts';
import { BUNDLED_NAME } from '../network/store/store.ts';
import type { OptionValues } from '../options/index.ts';
import { defaultMonteCarloPasses, defaultSeed } from '../pipeline/parameters.ts';
import { networkRecordOf } from '../report/run-record.ts';
import { scalingToShow } from '../report/run-to-show.ts';
import {
  checkCombinations,
  chooseInput,
  chooseOutfile,
  ineffectiveOptions,
  maskShapeOf,
  parametersOf,
  refusePositionals,
} from './job-options.ts';
import { chooseNetwork } from './network.ts';
import { enhanceOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import { scalingLines, scalingRecord } from './scaling-run.ts';
import type { Session } from './session.ts';

/** Figures: bench/results/soft-scaling/real-maps.json, row "feature enhance" (docs/soft-scaling.md). */
const BUNDLED_WARNING =
  'EMmerNet is not imported, and the bundled network was trained on simulations: on real maps ' +
  'with models its map ' +
  'correlates less with the model than the map it was made from (mean of 15 maps 0.713, before 0.752).';

/** Warning for the bundled network, used by default if EMmerNet is not imported, or by name. */
export function isBundled(
  { modelPath }: OptionValues,
  { manifest }: Pick<NetworkFiles, 'manifest'>,
): boolean {
  return modelPath === BUNDLED_NAME || (modelPath === undefined && manifest.architecture !== 'emmernet');
}

/** With --download and no maps it only imports EMmerNet. */
export async function runFeatureEnhanceCommand(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0);
  if (values.download === true && values.emmapPath === undefined && values.halfmapPaths === undefined) {
    await download(session);
    session.logger.line('No map is given: nothing else is done.');
    return;
  }
  await runMapCommand(session, enhanceRun(session));
}

async function download(session: Session): Promise<void> {
  const { downloadUnlessImported } = await import('./models.ts');
  await downloadUnlessImported(session);
}

/** The run as data for run-command.ts: inputs, outputs, job, record and printed lines. */
function enhanceRun(session: Session): MapRun<FeatureEnhanceJob, FeatureEnhanceResult> {
  const { values } = session.parsed;
  const input = chooseInput(values);
  checkCombinations(values, input);
  const monteCarlo =
    values.noMonteCarlo === true
      ? undefined
      : { passes: values.monteCarloIterations ?? defaultMonteCarloPasses, seed: values.seed ?? defaultSeed };
  const parameters = { ...parametersOf(values, true), maskShape: maskShapeOf(values) };
  return {
    outputs: enhanceOutputs,
    outfile: chooseOutfile(values, 'feature_enhance'),
    input,
    notes: ineffectiveOptions(values, { kind: 'network' }, { command: 'feature_enhance' }),
    network: {
      monteCarlo: monteCarlo !== undefined,
      enhanced: true,
      async choose() {
        if (values.download === true) await download(session);
        const network = await chooseNetwork(session);
        if (isBundled(values, network)) session.logger.warn(BUNDLED_WARNING);
        return network;
      },
    },
    async open({ input: maps, mask, symmetry, predictor }) {
      return {
        input: maps,
        mask,
        predictor: predictor as ReferencePredictor,
        monteCarlo,
        symmetry,
        symmetriseOutput: values.symmetriseOutput,
        parameters,
      };
    },
    plan: planFeatureEnhance,
    run: runFeatureEnhance,
    summarise: (result, { engine, plan, predictor, paths }) => ({
      record: {
        ...scalingRecord(session, result, parameters, plan),
        network: predictor && networkRecordOf(predictor, result.prediction, monteCarlo?.seed),
      },
      report: {
        kind: 'feature_enhance',
        run: scalingToShow(engine, enhanceOutputs, result, parameters.profileKind),
      },
      lines: scalingLines(
        result,
        `Enhanced from ${result.prediction.cubes} cubes x ${result.prediction.passes} passes`,
      ),
      advice:
        paths.pvddt === undefined
          ? []
          : [
              `Read the enhanced map together with ${paths.pvddt}: density with a pVDDT near 100 is the ` +
                "network's, not the data's.",
            ],
    }),
  };
}
