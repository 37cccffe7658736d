/**
 * What tests need beside the packages, and may lack: a GPU, the reference data, onnxruntime, a browser,
 * Firefox, the packages of tools/web. Tests without it are skipped, the reason in their names, unless
 * LOCSCALE_REQUIRE lists it ("gpu,shared"): then they fail.
 */
import process from 'node:process';
import { describe, it } from 'vitest';

const needs = ['gpu', 'shared', 'onnxruntime', 'browser', 'firefox', 'web'] as const;
export type Need = (typeof needs)[number];

const listed = (process.env.LOCSCALE_REQUIRE ?? '').split(/[\s,]+/).filter((word) => word !== '');
const unknown = listed.filter((word) => !needs.some((need) => need === word));
if (unknown.length > 0)
  throw new Error(`LOCSCALE_REQUIRE names ${unknown.join(', ')}; it may name ${needs.join(', ')}.`);

export function isRequired(need: Need): boolean {
  return listed.includes(need);
}

/** Whether to run what takes minutes together, as `.ci/run` does after the newcomer's walk. */
export const isLong = process.env.LOCSCALE_LONG === '1';

const unlessLong = isLong ? '' : ' [skipped: LOCSCALE_LONG=1 runs it]';

/** A test that runs only then. `also`: what else it needs. */
export function itLong(name: string, body: () => Promise<void>, also = true): void {
  it.skipIf(!isLong || !also)(`${name}${unlessLong}`, { tags: ['long'] }, body);
}

export function describeLong(name: string, body: () => void, also = true): void {
  describe.skipIf(!isLong || !also)(`${name}${unlessLong}`, { tags: ['long'] }, body);
}

/** In place of a `describe` whose `need` is absent for `reason`. `body` names the tests that are skipped. */
export function describeAbsent(
  name: string,
  need: Need,
  reason: string,
  body: () => void = () => it('runs', () => undefined),
): void {
  if (!isRequired(need)) {
    describe.skip(`${name} [skipped: ${reason}]`, body);
    return;
  }
  describe(name, { tags: need === 'shared' ? ['reference-data'] : [] }, () => {
    it(`has what LOCSCALE_REQUIRE lists: ${need}`, () => {
      throw new Error(reason);
    });
  });
}
