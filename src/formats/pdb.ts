/**
 * Reads PDB files by columns (format 3.3): ATOM, HETATM, MODEL, ENDMDL, CRYST1, HEADER, TITLE, END. Common
 * extensions are accepted: hybrid-36 and "*****" serials, six-digit serials that shift their line, chain
 * names of two characters, missing element columns, missing END.
 */
import { LocScaleError } from '../errors.ts';
import { elementFromPdbName, elementFromSymbol } from './chemical-elements.ts';
import { predictionMark } from './prediction-mark.ts';
import { printable } from './printable.ts';
import {
  type Cell,
  type ReadStructureOptions,
  type Structure,
  type StructureAtom,
  UNKNOWN_ELEMENT,
} from './structure.ts';
import { structureNotes } from './structure-notes.ts';

/** Position for error messages. */
interface Line {
  readonly text: string;
  readonly number: number;
  readonly file: string;
}

/**
 * Reads one model of a PDB file, the first by default. Throws 'bad-input' with the line that cannot be read.
 */
export function readPdb(text: string, name: string, options: ReadStructureOptions): Structure {
  const atoms: StructureAtom[] = [];
  const models = new Set<number>();
  const titles: string[] = [];
  const headers: string[] = [];
  const remarks: string[] = [];
  let method = '';
  let id = '';
  let cell: Cell | undefined;
  let model: number | undefined;
  let wanted = options.model;
  let guessed = 0;
  const counters: Counters = { serial: 0, residue: 0, residueName: '', firstAtom: '' };
  forEachLine(text, (line, number) => {
    const record = line.slice(0, 6).toUpperCase();
    if (record === 'HETATM' || /^ATOM[ \d]{0,2}$/.test(record)) {
      const at = model ?? 1;
      models.add(at);
      wanted ??= at;
      if (wanted !== 'all' && wanted !== at) return true;
      const { atom, guessedElement } = readAtom({ text: line, number, file: name }, at, counters);
      if (guessedElement) guessed++;
      atoms.push(atom);
      return true;
    }
    if (record.startsWith('MODEL') && /^MODEL(\s|$)/.test(line)) {
      const stated = Number.parseInt(line.slice(6), 10);
      model = Number.isSafeInteger(stated) && !models.has(stated) ? stated : models.size + 1;
      while (models.has(model)) model++;
    } else if (record.startsWith('TITLE')) titles.push(line.slice(10, 80));
    else if (record === 'HEADER') {
      id = line.slice(62, 66).trim();
      headers.push(line.slice(10, 50));
    } else if (record === 'EXPDTA') method += line.slice(10, 80).trim();
    else if (record === 'REMARK') remarks.push(line.slice(6, 80).replace(/^\s*\d+\s/, ''));
    else if (record === 'CRYST1') cell = readCell(line);
    else if (/^END\s*$/.test(line)) return false;
    return true;
  });
  const title = titles.join('').replace(/\s+/g, ' ').trim();
  const mark = predictionMark({ names: [title, ...headers], remarks, method });
  return {
    id,
    title,
    cell,
    atoms,
    predictionMark: mark,
    notes: structureNotes({ atoms, models, wanted, guessedElements: guessed, file: name }),
  };
}

/** Counters for records without a valid number. */
interface Counters {
  serial: number;
  residue: number;
  residueName: string;
  firstAtom: string;
}

/** An atom from columns of the line; wide serials shift what follows. */
function readAtom(
  line: Line,
  model: number,
  counters: Counters,
): { atom: StructureAtom; guessedElement: boolean } {
  // A serial of more than five digits shifts the rest of the line, or occupies the blank before the name.
  const long = /^(?:ATOM {0,2}|HETATM)(\d{6,9})/.exec(line.text);
  const excess = long ? long[0].length - 11 : 0;
  const shift = excess > 0 && line.text[34] !== '.' && line.text[34 + excess] === '.' ? excess : 0;
  const field = (from: number, to: number): string => line.text.slice(from + shift, to + shift);
  if (line.text.length < 54 + shift) throw bad(line, 'ends before its coordinates', 'columns 31 to 54');
  const serial = long ? Number(long[1]) : (hybrid36(field(6, 11)) ?? counters.serial + 1);
  counters.serial = serial;
  const nameField = field(12, 16);
  const atomName = nameField.trim();
  const residueName = field(17, 20).trim();
  let residueNumber = hybrid36(field(22, 26));
  if (residueNumber === undefined) {
    if (!/^[\s*]*$/.test(field(22, 26))) throw bad(line, 'has no residue number', 'columns 23 to 26');
    // Out of digits: a residue ends where its name changes or its first atom recurs.
    const next = residueName !== counters.residueName || atomName === counters.firstAtom;
    residueNumber = counters.residue + (next ? 1 : 0);
  }
  if (residueNumber !== counters.residue || residueName !== counters.residueName)
    counters.firstAtom = atomName;
  counters.residue = residueNumber;
  counters.residueName = residueName;
  const stated = field(76, 78).trim().toUpperCase();
  const symbol = stated === UNKNOWN_ELEMENT ? stated : elementFromSymbol(stated);
  const element = symbol ?? elementFromPdbName(nameField.padEnd(4), residueName);
  const atom = {
    element,
    x: coordinate(line, field(30, 38), 'x', '31 to 38'),
    y: coordinate(line, field(38, 46), 'y', '39 to 46'),
    z: coordinate(line, field(46, 54), 'z', '47 to 54'),
    occupancy: numberOr(line, field(54, 60), 1, 'occupancy', '55 to 60'),
    bFactor: numberOr(line, field(60, 66), 0, 'B factor', '61 to 66'),
    chain: field(20, 22).trim(),
    residueNumber,
    residueName,
    atomName,
    altloc: field(16, 17).trim(),
    insertionCode: field(26, 27).trim(),
    model,
    charge: symbol === undefined ? 0 : readCharge(field(78, 80)),
    hetero: /^HETATM/i.test(line.text),
    serial,
  };
  return { atom, guessedElement: symbol === undefined };
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?$/;

/** A coordinate in A. */
function coordinate(line: Line, field: string, axis: string, columns: string): number {
  const text = field.trim();
  if (NUMBER.test(text)) return Number(text);
  throw bad(line, `has no ${axis} coordinate: "${printable(text)}"`, `a number in columns ${columns}`);
}

/** A number, or `blank` where the field is empty. */
function numberOr(line: Line, field: string, blank: number, what: string, columns: string): number {
  const text = field.trim();
  if (text === '') return blank;
  if (NUMBER.test(text)) return Number(text);
  throw bad(line, `has no ${what}: "${printable(text)}"`, `a number or blanks in columns ${columns}`);
}

/**
 * Decimal, or hybrid-36 (R. W. Grosse-Kunstleve): after 99999 follow A0000 ... ZZZZZ, then a0000 ... zzzzz,
 * likewise after 9999 in fields of four. Undefined for anything else.
 */
export function hybrid36(field: string): number | undefined {
  const text = field.trim();
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  const width = field.length;
  if (text.length !== width || !/^(?:[A-Z][A-Z0-9]+|[a-z][a-z0-9]+)$/.test(text)) return undefined;
  const upper = text.charCodeAt(0) < 97;
  const start = 10 ** width + (upper ? 0 : 26 * 36 ** (width - 1));
  return start + Number.parseInt(text, 36) - 10 * 36 ** (width - 1);
}

/** "2+" or "+2". */
function readCharge(field: string): number {
  const match = /^(?:(\d)([+-])|([+-])(\d))$/.exec(field.trim());
  if (!match) return 0;
  const size = Number(match[1] ?? match[4]);
  return (match[2] ?? match[3]) === '-' && size > 0 ? -size : size;
}

/** Undefined for the 1 A cell that means "no cell". */
function readCell(line: string): Cell | undefined {
  const values = [6, 15, 24, 33, 40, 47].map((from, i) => Number(line.slice(from, from + (i < 3 ? 9 : 7))));
  const [a, b, c, alpha, beta, gamma] = values;
  if (values.some((value) => !(value > 0 && Number.isFinite(value))) || (a <= 1 && b <= 1 && c <= 1))
    return undefined;
  return { a, b, c, alpha, beta, gamma };
}

/** Visits lines ending in LF, CR LF or CR until `visit` returns false. */
function forEachLine(text: string, visit: (line: string, number: number) => boolean): void {
  let number = 1;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 10;
    if (code !== 10 && code !== 13) continue;
    if (i > start && !visit(text.slice(start, i), number)) return;
    if (code === 13 && text.charCodeAt(i + 1) === 10) i++;
    start = i + 1;
    number++;
  }
}

/** The error of a line. */
function bad({ text, number, file }: Line, what: string, expected: string): LocScaleError {
  return new LocScaleError('bad-input', `Line ${number} of ${file} ${what}.`, {
    where: `${file}, line ${number}`,
    expected,
    found: `"${printable(text.slice(0, 80))}"`,
  });
}
