/** Scores of maps and a model as files: tables for spreadsheets, JSON, attributes for ChimeraX. */
import type { Assessment, PerMap } from '../pipeline/types.ts';

/** Digits behind the point of correlations and scores. */
const DIGITS = 4;

/** CSV with one row per residue, waters and ligands included; empty cells where a score does not exist. */
export function encodeResidues({ maps, residues }: Assessment): string {
  const head = ['chain', 'number', 'insertion_code', 'name', 'kind', 'atoms'];
  return csv([
    [...head, ...maps.map(({ label }) => `CC ${label}`), ...maps.map(({ label }) => `Q ${label}`)],
    ...residues.map(({ chain, number, insertionCode, name, kind, atoms, cc, q }) => [
      ...[chain, number, insertionCode, name, kind, atoms],
      ...scoresOf(cc),
      ...scoresOf(q),
    ]),
  ]);
}

/** CSV with one row per atom that is scored, hydrogens left out. */
export function encodeAtoms({ maps, residues, atoms }: Assessment): string {
  const head = ['chain', 'number', 'insertion_code', 'name', 'atom', 'altloc', 'element'];
  return csv([
    [...head, ...maps.map(({ label }) => `Q ${label}`)],
    ...atoms.map(({ residue, name: atom, altloc, element, q }) => {
      const { chain, number, insertionCode, name } = residues[residue];
      return [chain, number, insertionCode, name, atom, altloc, element, ...scoresOf(q)];
    }),
  ]);
}

/**
 * CSV with one row per shell: FSC with the map of the model, and RMS amplitudes within the mask in the units
 * of the maps.
 */
export function encodeCurves({ maps, frequency, modelAmplitude }: Assessment): string {
  const head = ['frequency_1_per_A', 'resolution_A'];
  return csv([
    [
      ...head,
      ...maps.map(({ label }) => `FSC ${label}`),
      ...maps.map(({ label }) => `amplitude ${label}`),
      'amplitude model',
    ],
    ...frequency.map((f, r) => [
      ...[f.toFixed(6), f > 0 ? (1 / f).toFixed(3) : ''],
      ...maps.map(({ fsc }) => fsc[r].toFixed(5)),
      ...maps.map(({ amplitude }) => amplitude[r].toPrecision(6)),
      modelAmplitude[r].toPrecision(6),
    ]),
  ]);
}

/**
 * JSON for programs: settings, maps, chains and residues under mmCIF's names, and curves. Values are keyed by
 * the label of the map; null where a score does not exist.
 */
export function encodeScores(assessment: Assessment, files: { readonly model: string }): string {
  const { maps, chains, residues, frequency, modelAmplitude, atoms: _, ...settings } = assessment;
  const byMap = (values: PerMap): Record<string, number | null> =>
    Object.fromEntries(maps.map(({ label }, i) => [label, rounded(values[i])]));
  return `${JSON.stringify(
    {
      ...{ model: files.model, ...settings },
      maps: maps.map(({ fsc: _fsc, amplitude: _amplitude, ...map }) => map),
      chains: chains.map(({ chain, residues: count, atoms, cc, q }) => ({
        ...{ auth_asym_id: chain, residues: count, atoms, cc: byMap(cc), q: byMap(q) },
      })),
      residues: residues.map((residue) => ({
        label_asym_id: residue.labelChain ?? null,
        label_seq_id: residue.labelNumber ?? null,
        label_comp_id: residue.name,
        auth_asym_id: residue.chain,
        auth_seq_id: residue.number,
        auth_comp_id: residue.name,
        pdbx_PDB_ins_code: residue.insertionCode === '' ? null : residue.insertionCode,
        ...{ kind: residue.kind, atoms: residue.atoms, cc: byMap(residue.cc), q: byMap(residue.q) },
      })),
      curves: {
        ...{ frequency, modelAmplitude },
        fsc: Object.fromEntries(maps.map(({ label, fsc }) => [label, fsc])),
        amplitude: Object.fromEntries(maps.map(({ label, amplitude }) => [label, amplitude])),
      },
    },
    null,
    1,
  )}\n`;
}

/** Names of the attributes of map `map` (from 0) in ChimeraX; those of the first have no number. */
export function attributesOf(map: number): { readonly q: string; readonly cc: string } {
  const suffix = map === 0 ? '' : `_${map + 1}`;
  return { q: `q_score${suffix}`, cc: `map_cc${suffix}` };
}

/** Attributes of residues for ChimeraX (its .defattr format). */
export function encodeAttributes({ maps, residues }: Assessment): string {
  return maps
    .flatMap(({ label }, i) => {
      const names = attributesOf(i);
      const block = (name: string, what: string, of: (residue: (typeof residues)[0]) => PerMap): string[] => [
        `# ${what} in ${oneLine(label)}`,
        `attribute: ${name}`,
        'match mode: any',
        'recipient: residues',
        ...residues.flatMap((residue) => {
          const value = of(residue)[i];
          return value === undefined ? [] : [`\t${specOf(residue)}\t${value.toFixed(DIGITS)}`];
        }),
      ];
      return [
        ...block(names.q, 'mean Q-score of the atoms', ({ q }) => q),
        ...block(names.cc, 'correlation with the map of the model', ({ cc }) => cc),
      ];
    })
    .concat('')
    .join('\n');
}

/** As ChimeraX names a residue, in all models that are open. */
function specOf({ chain, number, insertionCode }: Assessment['residues'][0]): string {
  return `${chain === '' ? '' : `/${chain}`}:${number}${insertionCode}`;
}

/** Scores as cells, empty where there is none. */
function scoresOf(values: PerMap): string[] {
  return values.map((value) => (value === undefined ? '' : value.toFixed(DIGITS)));
}

/** For JSON, which has no NaN and no undefined. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toFixed(DIGITS));
}

/** A line break in a label would end the comment of the .defattr file. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

/** Commas between cells, which are quoted where they hold one (RFC 4180). */
function csv(rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number): string => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${rows.map((row) => row.map(cell).join(',')).join('\n')}\n`;
}
