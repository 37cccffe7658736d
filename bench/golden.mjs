/**
 * Runs the program on the reference data of the original one (a folder golden/ that is not part of the
 * repository) and compares. Whole maps go through the public API as the command line uses it (half maps
 * in, mask and reference given), so that the derived numbers are compared too. One setting is taken from
 * the original: its resolution, which it rounds to 0.1 A. Needs dist/ beside this folder.
 */
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { localScaling } from '../dist/engine/jobs.js';
import { defaultParameters, readMrc, runLocScale } from '../dist/index.js';
import { tanhLowPass } from '../dist/math/fourier/radial-transfer.js';
import { runFsc, runMask } from '../dist/pipeline/index.js';

/** `folder` holds golden/; `print` gets one line per comparison. */
export function openGolden(folder, print) {
  async function readMap(...parts) {
    const path = join(folder, 'golden', ...parts);
    return readMrc(
      { bytes: createReadStream(path), byteLength: statSync(path).size },
      { name: parts.at(-1), allocate: (voxels) => new Float32Array(voxels) },
    );
  }

  function readJson(...parts) {
    return JSON.parse(readFileSync(join(folder, 'golden', ...parts), 'utf8'));
  }

  /** Euclidean norm of the difference over that of the original, and the largest single difference. */
  function compare(title, ours, original) {
    if (ours.length !== original.length)
      throw new Error(`${title}: ${ours.length} and ${original.length} values`);
    let [squares, norm, largest] = [0, 0, 0];
    for (let i = 0; i < ours.length; i++) {
      const difference = ours[i] - original[i];
      squares += difference ** 2;
      norm += original[i] ** 2;
      largest = Math.max(largest, Math.abs(difference));
    }
    const result = {
      title,
      values: ours.length,
      relativeL2: Math.sqrt(squares / norm),
      largestDifference: largest,
      rms: Math.sqrt(norm / ours.length),
    };
    print(
      `${title}: relative L2 ${result.relativeL2.toExponential(2)}, largest difference ${largest.toExponential(2)}`,
    );
    return result;
  }

  /** TRPV1, 96^3: every mode of the original on whole maps. */
  async function compareWholeMaps(engine) {
    const set = 'trpv1-c4';
    const expected = readJson(set, 'expected.json');
    const golden = async (name) => (await readMap(set, `expected_${name}.mrc`)).data;
    const halfMaps = async () => ({
      half1: await readMap(set, 'half1.mrc'),
      half2: await readMap(set, 'half2.mrc'),
    });
    const context = { engine };
    const results = [];

    const { half1, half2 } = await halfMaps();
    const { fsc } = await runFsc(half1, half2, context);
    results.push(compare('FSC curve', fsc.correlation, expected.fsc));

    const full = await engine.average(
      await engine.upload(half1.data.slice(), half1.grid.shape),
      await engine.upload(half2.data.slice(), half2.grid.shape),
    );
    const lowPassed = await engine.radialFilter(full, tanhLowPass(5, expected.voxel_size));
    results.push(compare('low-pass at 5 Å', await engine.download(lowPassed), await golden('lowpass_5A')));
    engine.release(full, lowPassed);

    const made = await runMask(
      { kind: 'half-maps', half1, half2 },
      { ...defaultParameters, fdrFilter: 5 },
      context,
    );
    results.push(
      compare(
        'FDR confidence map, low-passed at 5 Å',
        await engine.download(made.confidence),
        await golden('confidence_5A'),
      ),
    );
    const confidentVoxels = { ours: made.maskVoxels, original: expected.fdr_5A.voxels_at_0p99 };
    engine.release(made.mask, made.confidence);

    const profile = expected.theoretical_profile;
    const modes = {
      model_map: ['reference map (-mm)', (map) => ({ kind: 'model-map', map })],
      pseudomodel: [
        'theoretical profile (--activate_pseudomodel)',
        (map) => ({ kind: 'pseudo-model-map', map }),
      ],
      no_reference: ['--no_reference', () => ({ kind: 'none' })],
      hybrid: [
        'hybrid (--difference_mask)',
        (map, differenceMask) => ({ kind: 'hybrid-map', map, differenceMask }),
      ],
    };
    for (const [name, [title, referenceOf]] of Object.entries(modes)) {
      const result = await runLocScale(
        {
          input: { kind: 'half-maps', half1, half2 },
          mask: await readMap(set, 'mask.mrc'),
          reference: referenceOf(
            await readMap(set, 'reference.mrc'),
            await readMap(set, 'difference_mask.mrc'),
          ),
          parameters: {
            ...defaultParameters,
            resolution: expected.fsc_resolution,
            theoreticalProfile: { frequency: profile.freq, amplitude: profile.amplitude },
            measureBFactors: name === 'pseudomodel',
          },
        },
        context,
      );
      results.push(compare(`scaled map, ${title}`, await engine.download(result.scaled), await golden(name)));
      if (name === 'pseudomodel') {
        const measured = [
          ['B factor map', result.bFactor, 'pseudomodel_bfactor'],
          ['quality map', result.quality, 'pseudomodel_qfit'],
        ];
        for (const [what, volume, file] of measured) {
          results.push(compare(`${what}, ${title}`, await engine.download(volume), await golden(file)));
          engine.release(volume);
        }
      }
      engine.release(result.scaled, result.mask);
    }
    return { results, confidentVoxels };
  }

  /** One real 40^3 window of EMD-5778: its centre voxel scaled, B factor and fit quality. */
  async function compareWindow(engine) {
    const set = 'emd5778-window-1';
    const expected = readJson(set, 'expected.json');
    const map = await readMap(set, 'emmap_window.mrc');
    const reference = await readMap(set, 'modmap_window.mrc');
    const { shape } = map.grid;
    const edge = expected.window;
    const centre = (edge / 2) * (edge * edge + edge + 1);
    const mask = new Float32Array(edge ** 3);
    mask[centre] = 1;
    const { conditions } = expected;
    const common = { voxelSize: expected.voxel_size, fscCutoff: conditions.fsc_cutoff };
    const rules = {
      model_map: ['reference map', { kind: 'reference-profile', ...common, wilsonCutoff: 10 }],
      pseudomodel: [
        'theoretical profile',
        {
          kind: 'theoretical-profile',
          ...common,
          wilsonCutoff: conditions.wilson,
          nyquistCutoff: conditions.nyquist,
          boost: conditions.boost_secondary_structure,
          theoreticalProfile: expected.theoretical_profile.amplitude,
        },
      ],
    };
    const results = [];
    for (const [mode, [title, rule]] of Object.entries(rules)) {
      const volumes = {
        map: await engine.upload(map.data.slice(), shape),
        reference: await engine.upload(reference.data.slice(), shape),
        mask: await engine.upload(mask.slice(), shape),
      };
      const { scaled, bFactor, quality } = await localScaling(engine, {
        ...volumes,
        windowVoxels: edge,
        profileKind: 'octant',
        rule,
        padValues: { map: 0, reference: 0 },
        measureBFactors: true,
      });
      const at = async (volume) => [(await engine.download(volume))[centre]];
      const original = expected[mode];
      results.push(
        compare(`EMD-5778 window, ${title}: centre voxel`, await at(scaled), [original.centre_voxel]),
      );
      results.push(compare(`EMD-5778 window, ${title}: B factor`, await at(bFactor), [original.bfactor]));
      results.push(compare(`EMD-5778 window, ${title}: quality`, await at(quality), [original.quality_fit]));
      engine.release(scaled, bFactor, quality, ...Object.values(volumes));
    }
    return results;
  }

  return { readMap, readJson, compare, compareWholeMaps, compareWindow };
}
