/**
 * Coordinate files of either format: what they are told by, compression, junk, and gemmi's reading of real
 * ones.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isLocScaleError } from '../../../src/errors.ts';
import { readStructure } from '../../../src/formats/coordinates.ts';
import type { Structure } from '../../../src/formats/structure.ts';
import { writeMmcif } from '../../../src/formats/write-mmcif.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { gemmiPresent, unlessGemmi } from '../../cli/independent-reader.ts';
import { processorSeconds } from '../../support/processor-time.ts';
import { isLong } from '../../support/required.ts';
import { describeWithSharedData, sharedPath } from '../../support/shared-data.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const PDB = [
  'HEADER    TEST                                    01-JAN-00   1TST              ',
  'TITLE     A SMALL TEST',
  'CRYST1   40.000   50.000   60.000  90.00  90.00  90.00 P 1           1',
  'MODEL        1',
  'ATOM      1  N   MET A   1      27.340  24.430   2.614  1.00  9.67           N  ',
  'ATOM      2  CA AMET A   1      26.266  25.413   2.842  0.60 10.38           C  ',
  'ANISOU    2  CA AMET A   1     1406   1892    614    198    519   -328       C  ',
  'HETATM99999 ZN    ZN B  -5A     26.913  26.639   3.531  1.00  9.62          ZN2+',
  'ENDMDL',
  'END',
].join('\n');

const CIF = writeMmcif(readStructure(bytesOf(PDB), 'a.pdb'));

/** The atoms without what PDB files do not have. */
const asInPdb = ({ atoms }: Structure) =>
  atoms.map(({ labelChain: _, labelResidueNumber: __, ...atom }) => atom);

describe('readStructure', () => {
  it('recognises formats by content, whatever the name', () => {
    const pdb = readStructure(bytesOf(PDB), 'a.cif');
    const cif = readStructure(bytesOf(`\uFEFF# comment\n\n${CIF}`), 'a.pdb');
    expect(pdb.atoms).toHaveLength(3);
    expect(asInPdb(cif)).toEqual(pdb.atoms.map((atom, i) => ({ ...atom, serial: i + 1 })));
    expect(cif.title).toBe('A SMALL TEST');
    expect(cif.cell).toEqual(pdb.cell);
  });

  it('reads gzip, also of several parts, and says when it is damaged', () => {
    const packed = gzipSync(PDB);
    expect(readStructure(packed, 'a.pdb').atoms).toHaveLength(3);
    const parts = Buffer.concat([gzipSync(PDB.slice(0, 300)), gzipSync(PDB.slice(300))]);
    expect(readStructure(parts, 'a.pdb').atoms).toHaveLength(3);
    expect(() => readStructure(packed.subarray(0, packed.length - 40), 'a.pdb')).toThrow(/damaged/);
    const flipped = Uint8Array.from(packed);
    flipped[packed.length - 6] ^= 1;
    expect(() => readStructure(flipped, 'a.pdb')).toThrow(/damaged/);
    expect(() => readStructure(Uint8Array.of(0x42, 0x5a, 0x68, 0x39, 0), 'a.pdb')).toThrow(/bzip2/);
  });

  it('takes control characters for blanks, in both formats', () => {
    const pdb = readStructure(bytesOf(PDB.replace(' N   MET A', ' N\0\x1b\x07MET\x9bA')), 'a.pdb');
    expect(pdb.atoms[0]).toMatchObject({ atomName: 'N', residueName: 'MET', chain: 'A' });
    const cif = readStructure(bytesOf(CIF.replace('A SMALL TEST', 'A\x1b[31mTEST')), 'a.cif');
    expect(cif.title).toBe('A [31mTEST');
  });

  it('stops at the size limit, before a small file has expanded to a large one', () => {
    // 50 GB, were all of it decompressed: more than memory holds, and no place after the limit is looked at.
    const bomb = Buffer.concat(Array<Buffer>(1000).fill(gzipSync(new Uint8Array(50_000_000))));
    expect(() => readStructure(bomb, 'a.pdb', { maxBytes: 1_000_000 })).toThrow(/larger than 1000000 bytes/);
    expect(() => readStructure(bytesOf(PDB), 'a.pdb', { maxBytes: 100 })).toThrow(/larger than 100 bytes/);
  });

  it.each([
    ['', /an empty file/],
    ['hello\nworld', /begins with "hello"/],
    ['data_x\n_a.b 1', /begins with "data_x"/],
  ])('says what %j is', (text, found) => {
    try {
      readStructure(bytesOf(text), 'x.pdb');
      expect.unreachable();
    } catch (error) {
      expect(isLocScaleError(error) && error.tag).toBe('bad-input');
      expect(isLocScaleError(error) && error.found).toMatch(found);
    }
  });

  it('reads megabytes of blanks, quotes or one long token in linear time', () => {
    // Linear: 2 s of processor time for all, which other programs do not lengthen. Quadratic: hours.
    const before = process.cpuUsage();
    for (const piece of [' ', "'", '"a', '_', ';', '#', '\n', 'loop_ ', '\n;']) {
      const text = `data_x\n${piece.repeat(Math.floor(4_000_000 / piece.length))}`;
      expect(() => readStructure(bytesOf(text), 'x.cif')).toThrow();
      expect(() => readStructure(bytesOf(text.slice(7)), 'x.pdb')).toThrow();
    }
    expect(processorSeconds(before)).toBeLessThan(60);
  });

  it.each([
    ['PDB', PDB],
    ['mmCIF', CIF],
  ])('reads or refuses damaged %s, never anything else (2000 mutations)', (_, text) => {
    const random = createRandom(7);
    const original = bytesOf(text);
    const snippets = [
      '\n',
      '\r',
      ';',
      "'",
      '"',
      '#',
      'loop_',
      'data_',
      '_atom_site.',
      '*****',
      ' ',
      '-',
      '\0',
      '\xff',
      '1e99',
      'ATOM  ',
      'MODEL ',
    ];
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      let bytes = Array.from(original);
      for (let change = random.integer(1, 6); change > 0; change--) {
        const at = random.integer(0, bytes.length - 1);
        const kind = random.integer(0, 3);
        if (kind === 0) bytes[at] = random.integer(0, 255);
        else if (kind === 1) bytes.splice(at, random.integer(1, 30));
        else if (kind === 2)
          bytes.splice(at, 0, ...bytesOf(snippets[random.integer(0, snippets.length - 1)]));
        else bytes = bytes.slice(0, Math.max(1, at));
      }
      try {
        const { atoms } = readStructure(Uint8Array.from(bytes), 'x');
        for (const atom of atoms) {
          const numbers = [
            atom.x,
            atom.y,
            atom.z,
            atom.bFactor,
            atom.occupancy,
            atom.serial,
            atom.model,
            atom.charge,
          ];
          expect(numbers.every((value) => Number.isFinite(value))).toBe(true);
          expect(Number.isInteger(atom.residueNumber)).toBe(true);
        }
        expect(atoms.length).toBeGreaterThan(0);
      } catch (error) {
        if (!isLocScaleError(error)) throw error;
        expect(error.tag).toBe('bad-input');
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(1900);
  });
});

/** Of the first model: atoms, sums of x, y, z, B and occupancy, atoms per element, title, chains. */
type Summary = readonly [number, number, number, number, number, number, Record<string, number>, string[]];

const script = `
import sys, json, gemmi
out = []
for path in json.load(sys.stdin):
    s = gemmi.read_structure(path, merge_chain_parts=False)
    m = s[0]
    n = 0; sums = [0.0] * 5; elements = {}; chains = set()
    for c in m:
        chains.add(c.name)
        for r in c:
            for a in r:
                n += 1
                for i, v in enumerate((a.pos.x, a.pos.y, a.pos.z, a.b_iso, a.occ)): sums[i] += v
                elements[a.element.name] = elements.get(a.element.name, 0) + 1
    out.append([n, *sums, elements, sorted(chains)])
json.dump(out, sys.stdout)
`;

function summariesByGemmi(paths: readonly string[]): Summary[] {
  const run = spawnSync('/usr/bin/python3', ['-c', script], {
    input: JSON.stringify(paths),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Summary[];
}

function summaryOf(bytes: Uint8Array, name: string): Summary {
  const { atoms } = readStructure(bytes, name);
  const elements: Record<string, number> = {};
  for (const { element } of atoms) elements[element] = (elements[element] ?? 0) + 1;
  const sum = (key: 'x' | 'y' | 'z' | 'bFactor' | 'occupancy'): number =>
    atoms.reduce((s, a) => s + a[key], 0);
  const chains = [...new Set(atoms.map(({ chain }) => chain))].sort();
  return [atoms.length, sum('x'), sum('y'), sum('z'), sum('bFactor'), sum('occupancy'), elements, chains];
}

function expectEqual(ours: Summary, theirs: Summary, name: string): void {
  expect([name, ours[0], ours[6], ours[7]]).toEqual([name, theirs[0], theirs[6], theirs[7]]);
  // gemmi keeps B factors and occupancies as float32: 1e-7 of each.
  for (let i = 1; i < 6; i++) {
    const scale = Math.max(1, ours[0] * 100);
    expect(Math.abs((ours[i] as number) - (theirs[i] as number)) / scale).toBeLessThan(1e-7);
  }
}

describeWithSharedData('real coordinate files', () => {
  const folder = sharedPath('structures');
  const which = isLong ? 'all' : 'every fourth';
  it.skipIf(!gemmiPresent)(`structures, ${which}, are what gemmi reads${unlessGemmi}`, () => {
    const all = readdirSync(folder).filter((file) => file.endsWith('.gz'));
    expect(all.length).toBe(202);
    // Of either format.
    const files = ['.pdb.gz', '.cif.gz'].flatMap((format) =>
      all.filter((file) => file.endsWith(format)).filter((_, i) => isLong || i % 4 === 0),
    );
    expect(files.length).toBe(isLong ? 202 : 51);
    const paths = [
      ...files.map((file) => sharedPath('structures', file)),
      sharedPath('golden/trpv1-c4/model.cif'),
    ];
    const theirs = summariesByGemmi(paths);
    paths.forEach((path, i) => {
      expectEqual(summaryOf(readFileSync(path), path), theirs[i], path.split('/').at(-1)!);
    });
  });

  it('a structure survives the way through writeMmcif', () => {
    for (const file of ['1a74.pdb.gz', '1ake.cif.gz']) {
      const structure = readStructure(readFileSync(sharedPath('structures', file)), file);
      const back = readStructure(bytesOf(writeMmcif(structure)), 'back.cif');
      expect(asInPdb(back)).toEqual(asInPdb(structure).map((atom, i) => ({ ...atom, serial: i + 1 })));
      expect(back.title).toBe(structure.title);
      expect(back.cell).toEqual(structure.cell);
    }
  });

  it('a file of many megabytes is read in linear time', () => {
    const text = gunzipSync(readFileSync(sharedPath('structures', '1a74.pdb.gz'))).toString('latin1');
    const lines = text.split('\n').filter((line) => line.startsWith('ATOM'));
    const many = Array.from({ length: Math.ceil(300_000 / lines.length) }, () => lines.join('\n')).join('\n');
    const before = process.cpuUsage();
    expect(readStructure(bytesOf(many), 'large.pdb').atoms.length).toBeGreaterThan(299_999);
    // 0.5 s of processor time.
    expect(processorSeconds(before)).toBeLessThan(30);
  });
});
