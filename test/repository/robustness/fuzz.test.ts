/** A slice of the fuzzing campaign (`npm run robustness`), and its mutations. */
import { describe, expect, it } from 'vitest';
import { judge } from '../../robustness/fuzz/judge.ts';
import { MOST_CASE_BYTES, makeCase } from '../../robustness/fuzz/mutate.ts';
import { faultyTargets } from '../../robustness/fuzz/targets/faulty.ts';
import { findTarget, targets } from '../../robustness/fuzz/targets/index.ts';

/** Per reader; the campaign has a million. */
const CASES = 500;
/** Not the campaign's: what it has seen is not seen again here. */
const SEED = 7;

describe.each(targets.map(({ name }) => name))('the reader %s', (name) => {
  it('reads its sound files', async () => {
    const target = findTarget(name);
    for (const bytes of await target.seeds()) expect((await judge(target, bytes)).fault).toBeUndefined();
    const outcomes = await Promise.all((await target.seeds()).map((bytes) => judge(target, bytes)));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(outcomes.map(() => 'accepted'));
  });

  it(`reads or refuses ${CASES} broken ones`, async () => {
    const target = findTarget(name);
    const source = { ...target, seeds: await target.seeds() };
    const outcomes = new Set<string>();
    for (let index = 0; index < CASES; index++) {
      const { outcome, fault } = await judge(target, makeCase(source, SEED, index));
      expect(fault, `case ${index}: npm run robustness -- --only ${name} --seed ${SEED}`).toBeUndefined();
      outcomes.add(outcome);
    }
    // Neither does every change go unseen nor is every file refused at its start.
    expect([...outcomes].sort()).toEqual(expect.arrayContaining(['accepted', 'bad-input']));
  });
});

describe('cases', () => {
  const text = new TextEncoder().encode('ATOM 1 N 1.5\nATOM 2 C 2.5\nEND\n');
  const source = { seeds: [text, Uint8Array.of(0, 1, 2, 3, 255)], dictionary: [Uint8Array.of(9, 9, 9)] };

  it('are the same for the same seed and number, and others for others', () => {
    const all = Array.from({ length: 300 }, (_, index) => String(makeCase(source, 1, index)));
    expect(Array.from({ length: 300 }, (_, index) => String(makeCase(source, 1, index)))).toEqual(all);
    expect(new Set(all).size).toBeGreaterThan(200);
    expect(String(makeCase(source, 2, 5))).not.toBe(all[5]);
  });

  it('leave the sound files as they are, and stay small', () => {
    const before = source.seeds.map(String);
    const large = { ...source, seeds: [...source.seeds, new Uint8Array(MOST_CASE_BYTES)] };
    for (let index = 0; index < 500; index++)
      expect(makeCase(large, 3, index).length).toBeLessThanOrEqual(MOST_CASE_BYTES);
    expect(source.seeds.map(String)).toEqual(before);
  });

  it('are put right for half of them where there is a way', () => {
    let repaired = 0;
    const repair = (bytes: Uint8Array): Uint8Array => {
      repaired++;
      return bytes;
    };
    for (let index = 0; index < 400; index++) makeCase({ ...source, repair }, 4, index);
    expect(repaired).toBeGreaterThan(150);
    expect(repaired).toBeLessThan(250);
  });
});

describe('a reader that is wrong', () => {
  const broken = Uint8Array.of(0xff);
  const faultOf = async (name: string): Promise<string | undefined> => {
    const target = faultyTargets.find((one) => one.name === name);
    if (target === undefined) throw new Error(`no ${name}`);
    expect(await judge(target, Uint8Array.of(0))).toMatchObject({ outcome: 'bad-input' });
    return (await judge(target, broken)).fault;
  };

  it.each([
    ['faulty-type-error', /TypeError/],
    ['faulty-tag', /\(internal\): Wrong/],
  ])('%s is found', async (name, words) => {
    expect(await faultOf(name)).toMatch(words);
  });

  it.skipIf('Deno' in globalThis)('faulty-memory is found (Node counts arrays)', async () => {
    expect(await faultOf('faulty-memory')).toMatch(/allocated \d+ bytes/);
  });
});
