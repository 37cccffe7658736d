/**
 * Reads mmCIF files: the table atom_site with its columns in any order, cell and title, from the first data
 * block with atoms. Chain names and residue numbers are the authors' (auth_), as in PDB files. writeMmcif
 * writes what gemmi and ChimeraX read.
 */

import { elementFromPlainName, elementFromSymbol } from './chemical-elements.ts';
import { type CifToken, CifTokens } from './cif-tokens.ts';
import { predictionMark } from './prediction-mark.ts';
import { printable } from './printable.ts';
import type { Cell, ReadStructureOptions, Structure, StructureAtom } from './structure.ts';
import { structureNotes } from './structure-notes.ts';

/** The table with the atoms. */
const ATOM_TABLE = '_atom_site.';
/** Columns of the table, alternatives in order of preference; a value of "." or "?" counts as missing. */
const COLUMNS = {
  group: ['group_pdb'],
  serial: ['id'],
  symbol: ['type_symbol'],
  atomName: ['label_atom_id', 'auth_atom_id'],
  altloc: ['label_alt_id'],
  residueName: ['label_comp_id', 'auth_comp_id'],
  chain: ['auth_asym_id', 'label_asym_id'],
  residueNumber: ['auth_seq_id', 'label_seq_id'],
  insertionCode: ['pdbx_pdb_ins_code'],
  labelChain: ['label_asym_id'],
  labelResidueNumber: ['label_seq_id'],
  x: ['cartn_x'],
  y: ['cartn_y'],
  z: ['cartn_z'],
  occupancy: ['occupancy'],
  bFactor: ['b_iso_or_equiv'],
  displacement: ['u_iso_or_equiv'],
  charge: ['pdbx_formal_charge'],
  model: ['pdbx_pdb_model_num'],
} as const;
/** A column of the atom table, by what it means here. */
type Column = keyof typeof COLUMNS;

/** Contents of a data block parsed so far. */
interface Block {
  readonly name: string;
  readonly atoms: StructureAtom[];
  readonly models: Set<number>;
  /** Number of rows of the table, including other models. */
  rows: number;
  guessedElements: number;
  wanted: number | 'all' | undefined;
  /** Single values by lower-case tag: cell, title, id. */
  readonly items: Map<string, string>;
}

/** Tables of which single items are read. */
const SINGLE_TABLES = /^_(?:cell|struct|entry|exptl|software|ma_qa_metric|ma_qa_metric_local)\./;
const SINGLE_ITEMS = new Set([
  ...['length_a', 'length_b', 'length_c'].map((name) => `_cell.${name}`),
  ...['angle_alpha', 'angle_beta', 'angle_gamma'].map((name) => `_cell.${name}`),
  '_struct.title',
  '_entry.id',
  '_exptl.method',
  '_software.name',
  '_ma_qa_metric.name',
  '_ma_qa_metric_local.metric_value',
]);

/** Reads the first block that has atoms. Throws 'bad-input' for rows that cannot be read, with their line. */
export function readMmcif(text: string, name: string, options: ReadStructureOptions): Structure {
  const tokens = new CifTokens(text, name);
  let block = newBlock('', options);
  let token = tokens.next();
  let others = false;
  while (token !== 'end') {
    if (token === 'data') {
      if (block.rows > 0) {
        others = true;
        break;
      }
      block = newBlock(tokens.value, options);
      token = tokens.next();
    } else if (token === 'loop') token = readLoop(tokens, block);
    else if (token === 'tag') {
      token = readItem(tokens, block);
    } else if (token === 'reserved') token = tokens.next();
    else throw tokens.error('has a value without a tag', 'a tag, loop_ or data_');
  }
  addSingleAtom(tokens, block);
  const { atoms, models, wanted, guessedElements, items } = block;
  const notes = structureNotes({ atoms, models, wanted, guessedElements, file: name });
  if (others)
    notes.unshift(`Of several data blocks in ${name} the first with atoms is used ("${block.name}").`);
  const cell = cellOf(items);
  const local = items.has('_ma_qa_metric_local.metric_value') ? '' : undefined;
  const mark = predictionMark({
    names: [items.get('_struct.title'), items.get('_software.name'), block.name].filter(
      (n) => n !== undefined,
    ),
    remarks: [],
    method: items.get('_exptl.method') ?? '',
    qualityMetric: items.get('_ma_qa_metric.name') ?? local,
  });
  return {
    id: items.get('_entry.id') ?? block.name,
    title: (items.get('_struct.title') ?? '').replace(/\s+/g, ' ').trim(),
    cell,
    atoms,
    predictionMark: mark,
    notes,
  };
}

/** An empty block. */
function newBlock(name: string, options: ReadStructureOptions): Block {
  return {
    name,
    atoms: [],
    models: new Set(),
    rows: 0,
    guessedElements: 0,
    wanted: options.model,
    items: new Map(),
  };
}

/** A tag and its value. A single atom may be written this way. */
function readItem(tokens: CifTokens, block: Block): CifToken {
  const tag = tokens.value.toLowerCase();
  const token = tokens.next();
  if (token !== 'value' && token !== 'null')
    throw tokens.error(`has no value for ${printable(tag.slice(0, 60))}`);
  if (token === 'value' && (SINGLE_ITEMS.has(tag) || tag.startsWith(ATOM_TABLE)))
    block.items.set(tag, tokens.value);
  return tokens.next();
}

/** Reads a loop: atoms, single items, or rows that are skipped. Returns the token behind it. */
function readLoop(tokens: CifTokens, block: Block): CifToken {
  const tags: string[] = [];
  let token = tokens.next();
  for (; token === 'tag'; token = tokens.next()) tags.push(tokens.value.toLowerCase());
  if (tags.length === 0) throw tokens.error('continues a loop_ without tags', 'a tag');
  const isAtoms = tags[0].startsWith(ATOM_TABLE);
  const place = isAtoms ? placesOf(tags) : undefined;
  const isSingle = SINGLE_TABLES.test(tags[0]);
  const row: (string | undefined)[] = new Array(tags.length);
  let column = 0;
  for (; token === 'value' || token === 'null'; token = tokens.next()) {
    row[column++] = token === 'null' ? undefined : tokens.value;
    if (column < tags.length) continue;
    column = 0;
    if (place) addRow(tokens, block, place, row);
    // Cell and title may be written as a loop of one row.
    else if (isSingle) keepSingles(block, tags, row);
  }
  if (column > 0) {
    throw tokens.error(
      'ends a loop_ within a row',
      `${tags.length} values per row, as there are tags (${column} in the last)`,
    );
  }
  return token;
}

/** The first value of an item counts. */
function keepSingles(block: Block, tags: readonly string[], row: readonly (string | undefined)[]): void {
  for (const [i, tag] of tags.entries()) {
    const value = row[i];
    if (value !== undefined && SINGLE_ITEMS.has(tag) && !block.items.has(tag)) block.items.set(tag, value);
  }
}

/** Where a row has each column; several tags may name it, the preferred first. */
type Places = Readonly<Record<Column, readonly number[]>>;

/** Column indices in a row, in order of preference. */
function placesOf(tags: readonly string[]): Places {
  const place = new Map(tags.map((tag, i) => [tag, i]));
  const entries = Object.entries(COLUMNS).map(([column, names]) => [
    column,
    names.map((name) => place.get(ATOM_TABLE + name)).filter((i) => i !== undefined),
  ]);
  return Object.fromEntries(entries) as Places;
}

/** A single atom, written as tags and values. */
function addSingleAtom(tokens: CifTokens, block: Block): void {
  const tags = [...block.items.keys()].filter((tag) => tag.startsWith(ATOM_TABLE));
  if (tags.length === 0 || block.rows > 0) return;
  addRow(
    tokens,
    block,
    placesOf(tags),
    tags.map((tag) => block.items.get(tag)),
  );
}

/** One row of the atom table as an atom, if it belongs to the model that is read. */
function addRow(tokens: CifTokens, block: Block, places: Places, row: readonly (string | undefined)[]): void {
  block.rows++;
  const get = (column: Column): string | undefined => {
    for (const place of places[column]) if (row[place] !== undefined) return row[place];
    return undefined;
  };
  const number = (column: Column, absent: number | undefined): number => {
    const text = get(column);
    if (text === undefined && absent !== undefined) return absent;
    const value = text === undefined ? undefined : readNumber(text);
    if (value !== undefined) return value;
    const what = `_atom_site.${COLUMNS[column][0]}`;
    throw tokens.error(
      `ends an atom without a number for ${what}: "${printable((text ?? '?').slice(0, 40))}"`,
    );
  };
  const model = integer(get('model')) ?? 1;
  block.models.add(model);
  block.wanted ??= model;
  if (block.wanted !== 'all' && block.wanted !== model) return;
  const residueName = get('residueName') ?? '';
  const atomName = get('atomName') ?? '';
  const symbol = get('symbol');
  const known = symbol === undefined ? undefined : elementFromSymbol(symbol);
  if (known === undefined && symbol?.toUpperCase() !== 'X') block.guessedElements++;
  const bFactor =
    places.bFactor.length > 0 ? number('bFactor', 0) : 8 * Math.PI ** 2 * number('displacement', 0);
  block.atoms.push({
    element: known ?? (symbol?.toUpperCase() === 'X' ? 'X' : elementFromPlainName(atomName, residueName)),
    x: number('x', undefined),
    y: number('y', undefined),
    z: number('z', undefined),
    occupancy: number('occupancy', 1),
    bFactor,
    chain: get('chain') ?? '',
    residueNumber: integer(get('residueNumber')) ?? 0,
    residueName,
    atomName,
    altloc: get('altloc') ?? '',
    insertionCode: get('insertionCode') ?? '',
    model,
    charge: integer(get('charge')) ?? 0,
    hetero: get('group')?.toUpperCase() === 'HETATM',
    serial: integer(get('serial')) ?? block.rows,
    labelChain: get('labelChain'),
    labelResidueNumber: integer(get('labelResidueNumber')),
  });
}

/** Accepts a standard uncertainty: "1.234(5)". */
function readNumber(text: string): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)(?:\(\d+\))?$/.exec(text);
  const value = match ? Number(match[1]) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

/** Undefined for anything but a whole number. */
function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The unit cell in A and degrees; undefined for the dummy cell of 1 A that many programs write. */
function cellOf(items: ReadonlyMap<string, string>): Cell | undefined {
  const tags = ['length_a', 'length_b', 'length_c', 'angle_alpha', 'angle_beta', 'angle_gamma'];
  const values = tags.map((tag) => readNumber(items.get(`_cell.${tag}`) ?? '') ?? 0);
  const [a, b, c, alpha, beta, gamma] = values;
  if (values.some((value) => !(value > 0)) || (a <= 1 && b <= 1 && c <= 1)) return undefined;
  return { a, b, c, alpha, beta, gamma };
}
