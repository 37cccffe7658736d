/** The oracle and both engines against the study's prototype in Python (numpy), run on the same maps. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { bandScaling } from '../../src/engine/jobs.ts';
import type { Shape } from '../../src/math/grid.ts';
import { relativeL2 } from '../support/compare.ts';
import { directBandScaling } from '../support/direct-band-scaling.ts';
import { describeEngines } from '../support/engines.ts';
import { makeMrc } from '../support/mrc-fixture.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../support/random-volume.ts';
import { readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData, sharedPath } from '../support/shared-data.ts';
import { usesHardware } from '../support/software-gpu.ts';

const PYTHON = '/usr/bin/python3';
const hasPython = spawnSync(PYTHON, ['-c', 'import numpy']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'soft-scaling-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The prototype's own table. */
const PROFILE = {
  frequency: Array.from({ length: 21 }, (_, i) => 0.025 * i),
  amplitude: [
    29.05, 8.69, 1.976, 1.305, 1, 0.714, 0.593, 0.603, 0.684, 0.642, 0.503, 0.398, 0.318, 0.256, 0.212, 0.184,
    0.164, 0.152, 0.14, 0.124, 0.11,
  ],
};

const BY_PROFILE = { kind: 'profile', profile: PROFILE } as const;

interface Case {
  readonly shape: Shape;
  readonly voxelSize: readonly [number, number, number];
  readonly half1: Float32Array;
  readonly half2: Float32Array;
  readonly reference: Float32Array;
  readonly mask: Float32Array;
}

function trpv1(): Case {
  const map = (name: string): Float32Array => readGoldenMap('golden', 'trpv1-c4', `${name}.mrc`).data;
  return {
    shape: [96, 96, 96],
    voxelSize: [1.4, 1.4, 1.4],
    half1: map('half1'),
    half2: map('half2'),
    reference: map('reference'),
    mask: map('mask'),
  };
}

function generated(shape: Shape, voxelSize: Case['voxelSize']): Case {
  const particle = mapLikeVolume(shape, 1);
  const mask = blobMask(shape, 0.8);
  const half = (seed: number): Float32Array =>
    noiseVolume(shape, seed).map((v, i) => 0.1 * v + particle[i] * mask[i]);
  return { shape, voxelSize, half1: half(2), half2: half(3), reference: mapLikeVolume(shape, 4), mask };
}

const CASES: Record<string, () => Case> = {
  'golden/trpv1-c4': trpv1,
  '30 x 40 x 48 voxels of 1.1 A': () => generated([48, 40, 30], [1.1, 1.1, 1.1]),
  '45 x 32 x 26 voxels of 2 x 1.5 x 1.2 A': () => generated([26, 32, 45], [1.2, 1.5, 2]),
};

type Mode = 'profile' | 'reference' | 'single map';

function prototype(mode: Mode, maps: Case): Float32Array {
  const { shape, voxelSize } = maps;
  const file = (name: string, values: Float32Array): string => {
    const extents = [shape[2], shape[1], shape[0]] as const;
    const cell = [0, 1, 2].map((i) => extents[i] * voxelSize[2 - i]) as [number, number, number];
    const path = join(folder, `${name}.mrc`);
    writeFileSync(path, makeMrc({ extents, cell, values }));
    return path;
  };
  const out = join(folder, 'out.mrc');
  const half1 = file('half1', maps.half1);
  const half2 = mode === 'single map' ? half1 : file('half2', maps.half2);
  const mask = mode === 'profile' ? file('mask', maps.mask) : 'none';
  const more =
    mode === 'reference'
      ? ['--reference', file('reference', maps.reference)]
      : mode === 'single map'
        ? ['--resolution', '4']
        : [];
  const script = sharedPath('prototypes', 'soft', 'soft_scaling.py');
  const run = spawnSync(PYTHON, [script, half1, half2, mask, out, ...more], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return new Float32Array(new Uint8Array(readFileSync(out)).slice(1024).buffer);
}

const inputOf = (mode: Mode, { half1, half2, reference, mask, shape, voxelSize }: Case) => {
  const base = { shape, voxelSize, half1 };
  // The prototype measures gains once, in bands that are not tilted.
  if (mode === 'reference')
    return { ...base, half2, reference, target: { kind: 'reference' as const }, unrefined: true };
  if (mode === 'profile') return { ...base, half2, mask, target: BY_PROFILE };
  return { ...base, target: BY_PROFILE, fadeResolution: 4 };
};

const MODES: readonly Mode[] = ['profile', 'reference', 'single map'];

describeWithSharedData('prototype of soft scaling', () => {
  const describeHere = hasPython ? describe : describe.skip;
  describeHere(hasPython ? 'in Python' : 'in Python [skipped: /usr/bin/python3 has no numpy]', () => {
    const expected = new Map<string, Float32Array>();
    const of = (name: string, mode: Mode): Float32Array => {
      const key = `${name} ${mode}`;
      const known = expected.get(key) ?? prototype(mode, CASES[name]());
      expected.set(key, known);
      return known;
    };
    const names = Object.keys(CASES);
    const all = names.flatMap((name) => MODES.map((mode) => [name, mode] as const));

    it.each(all.filter(([name, mode]) => name !== names[0] || mode === 'profile'))(
      'oracle: %s, %s (1e-5 inside the mask)',
      (name, mode) => {
        const maps = CASES[name]();
        const { scaled } = directBandScaling(inputOf(mode, maps));
        // The prototype works in single precision.
        expect(relativeL2(scaled, of(name, mode), maps.mask)).toBeLessThan(1e-5);
      },
    );

    const check = async (on: Engine, name: string, mode: Mode): Promise<void> => {
      const maps = CASES[name]();
      const { shape, ...input } = inputOf(mode, maps);
      const volumes = await Promise.all(
        Object.entries(input).map(async ([key, value]) => [
          key,
          value instanceof Float32Array ? await on.upload(value.slice(), shape) : value,
        ]),
      );
      const { scaled } = await bandScaling(on, Object.fromEntries(volumes));
      expect(relativeL2(await on.download(scaled), of(name, mode), maps.mask)).toBeLessThan(1e-5);
    };

    it.each(MODES)(`CPU engine: ${names[0]}, %s (1e-5 inside the mask)`, async (mode) => {
      const cpu = await createCpuEngine({ threads: 2 });
      await check(cpu, names[0], mode);
      await cpu.dispose();
    });

    describeEngines('engine', (engine) => {
      // A software GPU takes minutes for the 96^3 voxels of the golden maps.
      it.each(all.filter(([name]) => usesHardware || name !== names[0]))(
        '%s, %s (1e-5 inside the mask)',
        async (name, mode) => check(await engine(), name, mode),
      );
    });
  });
});
