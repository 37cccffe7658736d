/**
 * Checks a header before its map is read: all errors and warnings arise here, before memory for the voxels is
 * allocated.
 */
import { LocScaleError, named } from '../errors.ts';
import { describeShape, type Grid } from '../math/grid.ts';
import { type AxisLayout, axisLayout } from './axis-order.ts';
import {
  describeExtension,
  extensionThatFits,
  isPossibleExtension,
  likelyExtension,
  maxExtendedBytes,
} from './extended-header.ts';
import {
  type ByteInterpretation,
  hasInvertedOrigin,
  imodFlag,
  imodFlagsOf,
  interpretBytes,
} from './mode-0.ts';
import {
  byteOrderOfMachineStamp,
  isAxisPermutation,
  type MrcHeader,
  magicOf,
  mrcHeaderBytes,
  mrcMagic,
  mrcModes,
} from './mrc-header.ts';
import { quoted } from './printable.ts';
import { isRealMode, type RealMode, realModeBytes } from './voxel-codec.ts';

/** Largest box size and number of voxels accepted; the largest maps in the EMDB have about 2000^3 voxels. */
const maxEdge = 65_536;
/**
 * Limits of what a map can be: voxels, voxel size in A, and how far the voxel sizes of the axes may differ.
 */
const maxVoxels = 2 ** 34;
const minVoxelSize = 0.05;
const maxVoxelSize = 50;
const anisotropyRefused = 0.01;
const anisotropyWarned = 0.001;
/** Degrees. float32 represents 90 exactly; this allows for rounding in conversions by other programs. */
const angleTolerance = 0.01;
/** Space groups of volume stacks: 400 + the space group of each volume. */
const firstVolumeStack = 401;
/** Space groups from 401 to here are stacks of volumes. */
const lastVolumeStack = 630;
const apixHint = `Give the voxel size in angstrom with ${named('voxelSize')}.`;

/** What checks know besides the header. */
export interface HeaderContext {
  readonly name: string;
  readonly byteLength?: number | undefined;
  readonly byteLengthLimit?: number | undefined;
  readonly voxelSizeOverride?: number | undefined;
  /** The first bytes behind the header, needed if its length and the file's disagree. */
  readonly start?: Uint8Array;
  readonly onWarning: (message: string) => void;
  readonly onInfo: (message: string) => void;
}

/** The header in use, and what follows from it. */
export interface CheckedHeader {
  /** The header with the cell, axis order and origin actually used. */
  readonly header: MrcHeader;
  readonly layout: AxisLayout;
  readonly grid: Grid;
  readonly mode: RealMode;
  readonly voxels: number;
  /** Signedness of the bytes, for mode 0. */
  readonly bytes: ByteInterpretation | undefined;
  /**
   * Bytes between header and voxels, which may differ from NSYMBT; the likeliest value for a file of unknown
   * length.
   */
  readonly extendedBytes: number;
}

/** Throws 'bad-input' for this file. */
function refuse(
  context: HeaderContext,
  message: string,
  details: { hint?: string; expected?: string; found?: string } = {},
): never {
  throw new LocScaleError('bad-input', message, { where: context.name, ...details });
}

/** "MAP " at byte 208. Without it the file is read if the other fields make sense. */
function checkMagic(header: MrcHeader, context: HeaderContext): void {
  const magic = magicOf(header);
  if (magic === mrcMagic) return;
  const { nc, nr, ns, mapc, mapr, maps } = header;
  const plausible =
    mrcModes.has(header.mode) &&
    (isAxisPermutation(mapc, mapr, maps) || (mapc === 0 && mapr === 0 && maps === 0)) &&
    [nc, nr, ns].every((n) => n > 0 && n <= maxEdge);
  if (!plausible) {
    refuse(
      context,
      `${context.name} is not an MRC/CCP4 map: the letters "MAP " are missing at byte 208 and the ` +
        'header makes no sense.',
      {
        expected: '"MAP "',
        found: quoted(magic),
        hint: 'Give a map in MRC2014 or CCP4 format (.mrc, .map, .ccp4, also as .gz or .bz2).',
      },
    );
  }
  context.onWarning(
    `${context.name} lacks the letters "MAP " at byte 208; the rest of its header is plausible, so it ` +
      'is read.',
  );
}

/** The byte order is that of the fields; a machine stamp that disagrees is warned about. */
function checkByteOrder(header: MrcHeader, context: HeaderContext): void {
  const used = header.littleEndian ? 'little' : 'big';
  const stamped = byteOrderOfMachineStamp(header.machst);
  if (stamped === used) return;
  const stamp = header.machst.map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
  context.onWarning(
    stamped === undefined
      ? `${context.name} has the unknown machine stamp ${stamp}; judging by its other fields it is read ` +
          `as ${used} endian.`
      : `${context.name} has a machine stamp for ${stamped} endian (${stamp}), but its fields only make ` +
          `sense as ${used} endian.`,
  );
}

/** Modes that hold one real number per voxel. */
function checkMode(header: MrcHeader, context: HeaderContext): RealMode {
  const { mode } = header;
  if (mode === 0 && ((imodFlagsOf(header) ?? 0) & imodFlag.packedNibbles) !== 0) {
    refuse(context, `${context.name} holds two voxels of 4 bits in a byte (IMOD's flag 16).`, {
      expected: 'mode 0, 1, 2, 6 or 12',
      found: 'mode 0, packed',
      hint: "Convert the map to float32 (mode 2), for example with IMOD's newstack -mode 2.",
    });
  }
  if (isRealMode(mode)) return mode;
  const known = mrcModes.get(mode);
  return refuse(
    context,
    known !== undefined
      ? `${context.name} has mode ${mode} (${known.name}), which is not a density map that can be scaled.`
      : `${context.name} has the unknown mode ${mode}.`,
    {
      expected: 'mode 0, 1, 2, 6 or 12',
      found: `mode ${mode}`,
      hint: 'Convert the map to float32 (mode 2).',
    },
  );
}

/** Number of voxels; throws for extents that cannot be right. */
function checkExtents(header: MrcHeader, context: HeaderContext): number {
  const { nc, nr, ns } = header;
  const voxels = nc * nr * ns;
  if (![nc, nr, ns].every((n) => n > 0 && n <= maxEdge) || voxels > maxVoxels) {
    refuse(context, `${context.name} declares ${nc} x ${nr} x ${ns} voxels, which cannot be right.`, {
      expected: `1 to ${maxEdge} along each axis, at most ${maxVoxels} voxels`,
      found: `${nc} x ${nr} x ${ns}`,
      hint: 'The file is damaged or not a map.',
    });
  }
  return voxels;
}

/** Describes an impossible NSYMBT. */
export function refuseExtension(declared: number, context: Pick<HeaderContext, 'name'>): never {
  throw new LocScaleError(
    'bad-input',
    `${context.name} declares an extended header of ${declared} bytes, which cannot be right.`,
    {
      where: context.name,
      expected: `0 to ${maxExtendedBytes} bytes`,
      found: `${declared} bytes`,
      hint: 'The file is damaged or not a map.',
    },
  );
}

/**
 * Compares the sizes of header, extended header and voxels with the file's; returns the length of the
 * extended header.
 */
function checkLength(header: MrcHeader, mode: RealMode, voxels: number, context: HeaderContext): number {
  const { nsymbt: declared } = header;
  const { name, byteLength, byteLengthLimit, start } = context;
  const expected = declaredByteLength(declared, mode, voxels);
  const extension = declaredExtension(header, mode, start);
  if (byteLength === undefined) {
    const likely = likelyExtension(extension);
    if (byteLengthLimit !== undefined && byteLengthLimit < declaredByteLength(0, mode, voxels))
      refuseTruncated(header, mode, name, expected, `at most ${byteLengthLimit} bytes`);
    return likely;
  }
  const found = extensionThatFits(extension, byteLength - declaredByteLength(0, mode, voxels));
  if (found === undefined) {
    if (!isPossibleExtension(declared)) refuseExtension(declared, context);
    refuseTruncated(header, mode, name, expected, `${byteLength} bytes`);
  }
  if (found !== declared) context.onWarning(`${name} declares ${describeExtension(declared, found)}.`);
  return found;
}

/** What the extended header is judged by. */
export function declaredExtension(
  { nsymbt: declared, exttyp, littleEndian }: MrcHeader,
  mode: number,
  start: Uint8Array | undefined,
) {
  return { declared, exttyp, littleEndian, byteVoxels: mode === 0, start: start ?? new Uint8Array(0) };
}

/** Length of a file with this header. */
export function declaredByteLength(nsymbt: number, mode: RealMode, voxels: number): number {
  return mrcHeaderBytes + nsymbt + voxels * realModeBytes[mode];
}

/** Throws for a file that ends too early. */
export function refuseTruncated(
  header: MrcHeader,
  mode: RealMode,
  name: string,
  expected: number,
  found: string,
): never {
  const kind = mrcModes.get(mode)?.name;
  const extended = header.nsymbt > 0 ? `, ${header.nsymbt} bytes of extended header` : '';
  throw new LocScaleError(
    'bad-input',
    `${name} is truncated: its header declares ${header.nc} x ${header.nr} x ${header.ns} voxels of ` +
      `${kind}${extended}, ${expected} bytes in all, but it has ${found}.`,
    { where: name, expected: `${expected} bytes`, found, hint: 'Copy or download the file again.' },
  );
}

/** MAPC, MAPR and MAPS as a permutation; zeros mean 1, 2, 3. */
function checkAxes(header: MrcHeader, context: HeaderContext): MrcHeader {
  const { mapc, mapr, maps } = header;
  if (isAxisPermutation(mapc, mapr, maps)) return header;
  if (mapc === 0 && mapr === 0 && maps === 0) {
    context.onWarning(`${context.name} states no axis order (MAPC, MAPR, MAPS are 0); 1, 2, 3 is assumed.`);
    return { ...header, mapc: 1, mapr: 2, maps: 3 };
  }
  return refuse(
    context,
    `${context.name} has the axis order ${mapc}, ${mapr}, ${maps}, which is not a permutation of 1, 2, 3.`,
    {
      expected: 'MAPC, MAPR, MAPS a permutation of 1, 2, 3',
      found: `${mapc}, ${mapr}, ${maps}`,
      hint: 'The file is damaged or not a map.',
    },
  );
}

/** Cells must be orthogonal. */
function checkAngles(header: MrcHeader, context: HeaderContext): void {
  const angles = [header.alpha, header.beta, header.gamma];
  if (angles.every((angle) => angle === 0)) {
    context.onWarning(`${context.name} has cell angles of 0; 90 degrees are assumed.`);
    return;
  }
  if (!angles.every((angle) => Math.abs(angle - 90) <= angleTolerance)) {
    refuse(
      context,
      `${context.name} has a cell that is not orthogonal (angles ${angles.map(short).join(', ')} degrees).`,
      {
        expected: '90, 90, 90 degrees',
        found: `${angles.map(short).join(', ')} degrees`,
        hint: 'Resample the map onto an orthogonal grid.',
      },
    );
  }
}

/**
 * Normalises the header to that of a volume: it may be stored as a stack of one volume, or marked as a stack
 * of images (ISPG 0), as ChimeraX and cryoSPARC do.
 */
function asVolume(header: MrcHeader, shape: Grid['shape'], context: HeaderContext): MrcHeader {
  const { ispg, mz } = header;
  const { name } = context;
  const [nz] = shape;
  if (ispg >= firstVolumeStack && ispg <= lastVolumeStack) {
    if (mz > 1 && mz < nz) {
      const what = nz % mz === 0 ? `${nz / mz} volumes` : 'volumes';
      refuse(context, `${name} is a stack of ${what} (space group ${ispg}), not one map.`, {
        found: `ISPG ${ispg}, MZ ${mz}, NZ ${nz}`,
        hint: 'Extract one volume of the stack into a file of its own.',
      });
    }
    context.onWarning(
      `${name} is marked as a stack of volumes (space group ${ispg}); it holds one of ` +
        `${describeShape(shape)} voxels, which is read.`,
    );
    // 401: stack in space group 1.
    return { ...header, ispg: ispg - firstVolumeStack + 1 };
  }
  if (ispg !== 0 || nz === 1) return header;
  if (mz === 1)
    context.onWarning(
      `${name} is marked as a stack of images (space group 0, MZ 1); it is read as a volume of ` +
        `${describeShape(shape)} voxels.`,
    );
  else context.onInfo(`${name} has space group 0, that of image stacks; it is read as a volume.`);
  return { ...header, ispg: 1 };
}

/**
 * Stacks have MZ 1 with a cell of one section or of all sections along z; some programs write such a cell
 * with a volume's MZ. The voxel size along x and y decides.
 */
function withSamplingAlongZ(
  header: MrcHeader,
  [nz]: Grid['shape'],
  wasStack: boolean,
  context: HeaderContext,
): MrcHeader {
  const { mx, my, mz, cellA, cellB, cellC } = header;
  if (nz === 1 || !(mx > 0 && my > 0)) return header;
  const size = cellA / mx;
  const near = (length: number): boolean => Math.abs(length / size - 1) <= anisotropyRefused;
  if (!(size > 0 && Number.isFinite(size)) || !near(cellB / my)) return header;
  const single = mz === 1 || (wasStack && mz <= 0);
  if (context.voxelSizeOverride !== undefined) return single ? { ...header, mz: nz } : header;
  const cell = { ...header, mz: nz, cellC: Math.fround(nz * (near(cellC) ? cellC : size)) };
  if (single && near(cellC)) return cell;
  const wrong = single ? near(cellC / nz) || (wasStack && cellC === 0) : mz === nz && near(cellC);
  if (!wrong) return header;
  context.onWarning(
    `${context.name} has a cell of ${short(cellC)} A along z for MZ ${mz}; the voxel size along x and ` +
      `y, ${short(size)} A, is used.`,
  );
  return cell;
}

/** Six significant digits. */
function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** Voxel size along x, y, z in A from cell and sampling, and the header with the cell used. */
function checkVoxelSize(
  header: MrcHeader,
  layout: AxisLayout,
  context: HeaderContext,
): { header: MrcHeader; size: readonly [number, number, number] } {
  const { name, voxelSizeOverride: override } = context;
  const declared = [header.cellA / header.mx, header.cellB / header.my, header.cellC / header.mz] as const;
  const words = `${declared.map(short).join(' x ')} A`;
  if (override !== undefined) {
    if (!(override >= minVoxelSize && override <= maxVoxelSize)) {
      throw new LocScaleError(
        'usage',
        `The voxel size of ${override} A given for ${name} is not between ${minVoxelSize} and ` +
          `${maxVoxelSize} A.`,
        { parameter: 'voxelSize' },
      );
    }
    // 1e-5: the rounding of a cell edge in float32, with a margin.
    const same = declared.every((size) => Math.abs(size - override) <= 1e-5 * override);
    if (!same)
      context.onWarning(
        `The voxel size of ${name} is set to ${short(override)} A by ${named('voxelSize')}; its header ` +
          `states ${words}.`,
      );
    const [nz, ny, nx] = layout.shape;
    const [mx, my, mz] = [
      [header.mx, nx],
      [header.my, ny],
      [header.mz, nz],
    ].map(([m, n]) => (m > 0 ? m : n));
    const cell = [mx, my, mz].map((m) => Math.fround(m * override));
    return {
      header: { ...header, mx, my, mz, cellA: cell[0], cellB: cell[1], cellC: cell[2] },
      size: [override, override, override],
    };
  }
  const sampling = [header.mx, header.my, header.mz];
  if (!declared.every((size, i) => sampling[i] > 0 && size > 0 && Number.isFinite(size))) {
    refuse(
      context,
      `${name} has no usable voxel size (cell ` +
        `${[header.cellA, header.cellB, header.cellC].map(short).join(' x ')} A, sampling ` +
        `${sampling.join(' x ')}).`,
      {
        hint: apixHint,
      },
    );
  }
  if (!declared.every((size) => size >= minVoxelSize && size <= maxVoxelSize)) {
    refuse(context, `${name} has an absurd voxel size of ${words}.`, {
      expected: `${minVoxelSize} to ${maxVoxelSize} A`,
      found: words,
      hint: apixHint,
    });
  }
  const mean = (declared[0] + declared[1] + declared[2]) / 3;
  const spread = (Math.max(...declared) - Math.min(...declared)) / mean;
  if (spread > anisotropyRefused) {
    refuse(
      context,
      `${name} has a different voxel size along each axis (${words}), and local scaling needs cubic voxels.`,
      {
        expected: 'equal voxel sizes within 1 %',
        found: words,
        hint: apixHint,
      },
    );
  }
  if (spread > anisotropyWarned)
    context.onWarning(`${name} has slightly different voxel sizes along its axes (${words}).`);
  return { header, size: declared };
}

/** Position of voxel (0, 0, 0), x, y, z in A: ORIGIN if any of it is set, else NSTART x voxel size. */
function originOf(
  header: MrcHeader,
  size: readonly number[],
  context: HeaderContext,
): { header: MrcHeader; origin: readonly number[] } {
  const origin = [header.originX, header.originY, header.originZ];
  const finite = origin.every((value) => Number.isFinite(value));
  if (!finite)
    context.onWarning(
      `${context.name} has an ORIGIN that is not a number (${origin.join(', ')}); it is ignored.`,
    );
  if (finite && origin.some((value) => value !== 0)) {
    if (!hasInvertedOrigin(header)) return { header, origin };
    const [originX, originY, originZ] = origin.map((value) => 0 - value);
    context.onInfo(`${context.name} has IMOD's stamp and its inverted ORIGIN; the sign is changed.`);
    return { header: { ...header, originX, originY, originZ }, origin: [originX, originY, originZ] };
  }
  const start = [0, 0, 0];
  start[header.mapc - 1] = header.ncstart;
  start[header.mapr - 1] = header.nrstart;
  start[header.maps - 1] = header.nsstart;
  return {
    header: finite ? header : { ...header, originX: 0, originY: 0, originZ: 0 },
    origin: start.map((index, axis) => index * size[axis]),
  };
}

/**
 * All checks in order. Throws 'bad-input' for files that are no usable maps; what can be read in one way only
 * is read so, with a warning.
 */
export function checkMrcHeader(parsed: MrcHeader, context: HeaderContext): CheckedHeader {
  checkMagic(parsed, context);
  checkByteOrder(parsed, context);
  const mode = checkMode(parsed, context);
  const voxels = checkExtents(parsed, context);
  const extendedBytes = checkLength(parsed, mode, voxels, context);
  const bytes = mode === 0 ? interpretBytes(parsed) : undefined;
  if (bytes !== undefined)
    context.onInfo(
      `The bytes of ${context.name} (mode 0) are ${bytes.signed ? 'signed' : 'unsigned'}: ${bytes.reason}.`,
    );
  const withAxes = checkAxes(parsed, context);
  const layout = axisLayout(withAxes);
  const volume = asVolume(withAxes, layout.shape, context);
  const sampled = withSamplingAlongZ(volume, layout.shape, volume !== withAxes, context);
  checkAngles(sampled, context);
  const { header: withCell, size } = checkVoxelSize(sampled, layout, context);
  const { header, origin } = originOf(withCell, size, context);
  const grid: Grid = {
    shape: layout.shape,
    voxelSize: [size[2], size[1], size[0]],
    origin: [origin[2], origin[1], origin[0]],
  };
  return { header, layout, grid, mode, voxels, bytes, extendedBytes };
}
