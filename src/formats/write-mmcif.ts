/** Writes mmCIF with what gemmi and ChimeraX read of a model: title, cell and the table of atoms. */
import type { Structure, StructureAtom } from './structure.ts';

const TAGS = (
  'group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id ' +
  'label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv pdbx_formal_charge ' +
  'auth_seq_id auth_comp_id auth_asym_id auth_atom_id pdbx_PDB_model_num'
).split(' ');

/** Precision: coordinates 0.001 A, B factors 0.01 A^2, occupancies 0.001. Serials are renumbered. */
export function writeMmcif(structure: Structure): string {
  const { id, title, cell, atoms } = structure;
  const entry = id.replace(/[^\w.-]/g, '_') || 'model';
  const lines = [`data_${entry}`, '#', `_entry.id ${quote(entry)}`];
  if (title !== '') lines.push(`_struct.entry_id ${quote(entry)}`, `_struct.title ${quote(title)}`);
  if (cell) {
    lines.push(
      `_cell.entry_id ${quote(entry)}`,
      `_cell.length_a ${cell.a}`,
      `_cell.length_b ${cell.b}`,
      `_cell.length_c ${cell.c}`,
      `_cell.angle_alpha ${cell.alpha}`,
      `_cell.angle_beta ${cell.beta}`,
      `_cell.angle_gamma ${cell.gamma}`,
      `_symmetry.entry_id ${quote(entry)}`,
      `_symmetry.space_group_name_H-M 'P 1'`,
    );
  }
  lines.push('#', 'loop_', ...TAGS.map((tag) => `_atom_site.${tag}`));
  for (const [i, atom] of atoms.entries()) lines.push(atomLine(atom, i + 1));
  lines.push('#', '');
  return lines.join('\n');
}

function atomLine(atom: StructureAtom, serial: number): string {
  const chain = quote(atom.chain);
  const residueName = quote(atom.residueName);
  const atomName = quote(atom.atomName);
  return [
    atom.hetero ? 'HETATM' : 'ATOM',
    serial,
    quote(atom.element),
    atomName,
    quote(atom.altloc),
    residueName,
    chain,
    1,
    atom.hetero ? '.' : atom.residueNumber,
    quote(atom.insertionCode, '?'),
    atom.x.toFixed(3),
    atom.y.toFixed(3),
    atom.z.toFixed(3),
    atom.occupancy.toFixed(3),
    atom.bFactor.toFixed(2),
    atom.charge === 0 ? '?' : atom.charge,
    atom.residueNumber,
    residueName,
    chain,
    atomName,
    atom.model,
  ].join(' ');
}

/** Formats a CIF value: unquoted if possible, else quoted, else as a text field. */
function quote(value: string, absent = '.'): string {
  if (value === '') return absent;
  const plain = /^[^\s_#$'"[\];][^\s]*$/.test(value);
  const reserved = /^(?:[.?]$|data_|loop_|save_|stop_|global_)/i.test(value);
  if (plain && !reserved) return value;
  const oneLine = !/[\r\n]/.test(value);
  if (oneLine && !/'(?=\s)/.test(value)) return `'${value}'`;
  if (oneLine && !/"(?=\s)/.test(value)) return `"${value}"`;
  // A line that begins with a semicolon would end the field.
  return `\n;${value.replace(/(\r\n|\n|\r);/g, '$1 ;')}\n;\n`;
}
