/** The plan of the profiles, and the schedule of its last step: every amplitude reaches the shell that it belongs to. */
import { beforeAll, describe, expect, it } from 'vitest';
import { UNIT_ROWS } from '../../../src/gpu/tile-units.ts';
import { pairCount, planWindowProfiles } from '../../../src/gpu/window-profiles.ts';
import { type RadialProfileKind, shellCountOf, shellWeights } from '../../../src/math/scaling/windows.ts';
import { loadShader } from '../../../src/shaders/load.ts';

const LIMITS = {
  bindingBytes: 2 ** 30,
  bufferBytes: 2 ** 30,
  slabBytes: 2 ** 30,
  workgroupBytes: 32 * 1024,
  lineBytes: 32 * 1024,
  workgroupInvocations: 256,
  workgroupsPerDimension: 65535,
  totalBytes: Number.POSITIVE_INFINITY,
};

function planOf(windowVoxels: number, kind: RadialProfileKind, workgroupBytes = LIMITS.workgroupBytes) {
  const edge = UNIT_ROWS + windowVoxels - 1;
  const limits = { ...LIMITS, workgroupBytes };
  return planWindowProfiles(windowVoxels, kind, [UNIT_ROWS, 16, 16], [edge, edge, edge], limits);
}

const cases = ([8, 10, 24, 34, 64, 126] as const).flatMap((w) =>
  (['octant', 'sphere'] as const).map((kind) => [w, kind] as const),
);

interface Schedule {
  first_from(n: number): number;
  shell_of(square: number): number;
  most_in_shell(square: number): number;
}

/** The functions of the shader that say when and in which turn sums move to their shell, as JavaScript. */
function scheduleOf(code: string, shellCount: number): Schedule {
  const names = ['first_from', 'shell_of', 'most_in_shell'] as const;
  const functions = names.map((name) => {
    const found = new RegExp(`fn ${name}\\((\\w+): [iu]32\\) -> u32 \\{([^}]*)\\}`).exec(code);
    if (found === null) throw new Error(`The shader has no function ${name}.`);
    const body = found[2].replaceAll(/\b(\d+)u\b/g, '$1').replaceAll(/\blet\b/g, 'const');
    return `function ${name}(${found[1]}) {${body}}`;
  });
  const prelude = `const u32 = Math.trunc, i32 = Math.trunc, f32 = Math.fround, max = Math.max, NONE = ${NONE};
    const sqrt = (x) => Math.fround(Math.sqrt(x)), select = (no, yes, which) => which ? yes : no;
    const shell_count = ${shellCount};`;
  return new Function(`${prelude}\n${functions.join('\n')}\nreturn { ${names.join(', ')} };`)() as Schedule;
}

const NONE = 2 ** 32 - 1;

describe('the turns of slide_plane', () => {
  let code = '';
  beforeAll(async () => {
    code = await loadShader('window-profiles');
  });

  /** Calls `move(a, shell, turn, turns)` where a thread's sums move, having called `add` for all that is in them. */
  function march(
    shellCount: number,
    add: (a: number, b: number, c: number) => void,
    move: (a: number, shell: number, turn: number, turns: number) => void,
  ): void {
    const { first_from, shell_of, most_in_shell } = scheduleOf(code, shellCount);
    for (let c = 0; c < shellCount; c++) {
      const shells = new Array<number>(shellCount).fill(NONE);
      for (let b = 0; ; b++) {
        const square = b * b + c * c;
        for (let a = 0; a < shellCount; a++) {
          const shell = shells[a];
          shells[a] = shell_of(a * a + square);
          if (b === 0 || shells[a] === shell) continue;
          const old = square + 1 - 2 * b;
          const lowest = Math.max(first_from(shell ** 2 - old), first_from((shell + 1) ** 2 - square));
          move(a, shell, a - lowest, most_in_shell(old));
        }
        if (square >= shellCount ** 2) break;
        for (let a = 0; a < shellCount; a++) if (shells[a] !== NONE) add(a, b, c);
      }
    }
  }

  it.each(cases)('window %i, %s: every frequency is counted in its shell', (w, kind) => {
    const shellCount = shellCountOf(w);
    const counts = new Float64Array(shellCount);
    const sums = new Float64Array(shellCount);
    const sides = (k: number): number => (kind === 'sphere' && k > 0 && k < w / 2 ? 2 : 1);
    march(
      shellCount,
      (a, b, c) => {
        sums[a] += sides(a) * sides(b) * sides(c);
      },
      (a, shell) => {
        counts[shell] += sums[a];
        sums[a] = 0;
      },
    );
    expect([...sums].every((sum) => sum === 0)).toBe(true);
    expect([...counts]).toEqual([...shellWeights(w, kind).counts]);
  });

  it.each([4, 8, 10, 24, 34, 64, 126])('window %i: no two threads add to one shell in one turn', (w) => {
    let taken = new Map<number, Set<number>>();
    let last = NONE;
    march(
      shellCountOf(w),
      () => {
        taken = new Map();
      },
      (a, shell, turn, turns) => {
        // The next c begins without another frequency added.
        if (a <= last) taken = new Map();
        last = a;
        expect(turn).toBeGreaterThanOrEqual(0);
        expect(turn).toBeLessThan(turns);
        const of = taken.get(shell) ?? new Set();
        expect(of.has(turn)).toBe(false);
        taken.set(shell, of.add(turn));
      },
    );
  });
});

describe('the plan of the profiles', () => {
  it.each(cases)('window %i, %s: workgroups fit the device', (w, kind) => {
    const support = planOf(w, kind);
    if (!support.ok) throw new Error(support.reason);
    expect(support.plan.lanes * support.plan.shellCount).toBeLessThanOrEqual(LIMITS.workgroupInvocations);
    expect(support.plan.copiesPlane).toBe(w <= 34);
  });

  it('pairs of frequencies are those of the shells', () => {
    for (const [w, kind] of cases.slice(0, 6)) {
      const { b, c } = shellWeights(w, kind);
      const pairs = new Set(Array.from(b, (k, i) => `${k} ${c[i]}`));
      // The sphere's planes c = 0 and c = w / 2 list one of each pair of mates, the kernel sums both.
      const mates = kind === 'sphere' ? [...b.keys()].filter((i) => c[i] === 0 || c[i] === w / 2) : [];
      for (const i of mates) if (b[i] > 0 && b[i] < w / 2) pairs.add(`${-b[i]} ${c[i]}`);
      expect(pairCount({ shellCount: shellCountOf(w), kind })).toBe(pairs.size);
    }
  });

  it('says so where not even two voxels fit a workgroup', () => {
    expect(planOf(24, 'octant', 1024)).toEqual({
      ok: false,
      reason: 'a window of 24 voxels needs larger workgroups than this GPU has',
    });
  });
});
