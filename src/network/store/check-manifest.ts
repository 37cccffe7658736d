/** Validates a manifest from disk field by field. */
import { LocScaleError } from '../../errors.ts';
import { printable } from '../../formats/printable.ts';
import type { Calibration, DropoutMask, NetworkFile, NetworkManifest } from '../graph/model.ts';

/** Lower-case words and numbers with dashes: a safe folder name on every system. */
const modelName = /^[a-z0-9]+(-[a-z0-9]+)*$/;
/** A file next to the manifest, not a path. */
const fileName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const sha256 = /^[0-9a-f]{64}$/;

/** An object of unknown content. */
type Fields = Readonly<Record<string, unknown>>;

/** Lower case, digits and hyphens; a folder name on any system. */
export function isNetworkName(name: string): boolean {
  return modelName.test(name) && name.length <= 64;
}

/** `where`: path of the manifest, for messages. */
export function checkManifest(value: unknown, where: string): NetworkManifest {
  const check = new Checker(where);
  const fields = check.fields(value, 'the manifest');
  if (fields.format !== 1) throw check.wrong('format', '1', fields.format);
  const { architecture, standardisation } = fields;
  if (architecture !== 'emmernet' && architecture !== 'onnx')
    throw check.wrong('architecture', '"emmernet" or "onnx"', architecture);
  if (standardisation !== 'mean-10sd') throw check.wrong('standardisation', '"mean-10sd"', standardisation);
  const files = check.fields(fields.files, 'files');
  if (!Array.isArray(fields.dropout)) throw check.wrong('dropout', 'a list', fields.dropout);
  const dropout = fields.dropout.map((mask: unknown) => check.mask(mask));
  return {
    format: 1,
    name: check.matching(fields, 'name', modelName, 'lower-case words with dashes'),
    title: check.text(fields, 'title'),
    architecture,
    source: check.text(fields, 'source'),
    sourceSha256: check.matching(fields, 'sourceSha256', sha256, '64 hexadecimal digits'),
    licence: check.text(fields, 'licence'),
    parameters: check.whole(fields, 'parameters', 1, 2 ** 40),
    gflopPerCube: check.positive(fields, 'gflopPerCube'),
    files: {
      plain: check.file(files.plain, 'files.plain'),
      monteCarlo:
        files.monteCarlo === undefined ? undefined : check.file(files.monteCarlo, 'files.monteCarlo'),
    },
    input: check.text(fields, 'input'),
    output: check.text(fields, 'output'),
    enhancedOutput: fields.enhancedOutput === undefined ? undefined : check.text(fields, 'enhancedOutput'),
    voxelSizeAngstrom: check.positive(fields, 'voxelSizeAngstrom'),
    trainedResolution:
      fields.trainedResolution === undefined
        ? undefined
        : check.range(fields.trainedResolution, 'trainedResolution'),
    standardisation,
    cubeEdge: check.whole(fields, 'cubeEdge', 1, 1024),
    stride: check.whole(fields, 'stride', 1, 1024),
    dropout,
    calibration: fields.calibration === undefined ? undefined : checkCalibration(fields.calibration, where),
  };
}

/** The table is interpolated: standard errors must increase, and calibrated ones must not decrease. */
export function checkCalibration(value: unknown, where: string): Calibration {
  const check = new Checker(where);
  const fields = check.fields(value, 'the calibration');
  const standardError = check.numbers(fields, 'standardError');
  const calibrated = check.numbers(fields, 'calibrated');
  const [points, others] = [standardError.length, calibrated.length];
  if (points < 2 || points !== others)
    throw check.wrong(
      'calibration',
      'two lists of the same length, at least 2',
      `${points} and ${others} numbers`,
    );
  if (standardError.some((x, i) => i > 0 && x <= standardError[i - 1]))
    throw check.wrong('standardError', 'numbers that rise', 'one that does not');
  if (calibrated.some((y, i) => i > 0 && y < calibrated[i - 1]))
    throw check.wrong('calibrated', 'numbers that do not fall', 'one that does');
  if (standardError[0] < 0 || calibrated[0] < 0)
    throw check.wrong('calibration', 'no negative numbers', 'a negative one');
  return { standardError, calibrated };
}

/** Checks fields one by one; errors name the file and the field. */
class Checker {
  private readonly where: string;

  constructor(where: string) {
    this.where = where;
  }

  wrong(field: string, expected: string, found: unknown): LocScaleError {
    const text =
      found === undefined
        ? 'nothing'
        : printable(typeof found === 'string' ? found : String(JSON.stringify(found)));
    return new LocScaleError('bad-input', `${this.where}: ${field} must be ${expected}, but is ${text}.`, {
      where: this.where,
      expected,
      found: text,
      hint: 'Import the model again.',
    });
  }

  fields(value: unknown, name: string): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.wrong(name, 'an object', value);
    return value as Fields;
  }

  text(fields: Fields, key: string): string {
    const value = fields[key];
    if (typeof value !== 'string' || value === '') throw this.wrong(key, 'text', value);
    return value;
  }

  matching(fields: Fields, key: string, pattern: RegExp, expected: string): string {
    const value = fields[key];
    if (typeof value !== 'string' || !pattern.test(value)) throw this.wrong(key, expected, value);
    return value;
  }

  positive(fields: Fields, key: string): number {
    const value = fields[key];
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
      throw this.wrong(key, 'a number above 0', value);
    return value;
  }

  whole(fields: Fields, key: string, min: number, max: number): number {
    const value = fields[key];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw this.wrong(key, `a whole number from ${min} to ${max}`, value);
    return value;
  }

  range(value: unknown, name: string): { finest: number; coarsest: number } {
    const fields = this.fields(value, name);
    const [finest, coarsest] = [this.positive(fields, 'finest'), this.positive(fields, 'coarsest')];
    if (finest > coarsest) throw this.wrong(name, 'finest before coarsest', value);
    return { finest, coarsest };
  }

  numbers(fields: Fields, key: string): number[] {
    const value = fields[key];
    if (!Array.isArray(value) || !value.every((x): x is number => Number.isFinite(x)))
      throw this.wrong(key, 'a list of numbers', value);
    return value;
  }

  file(value: unknown, name: string): NetworkFile {
    const fields = this.fields(value, name);
    return {
      file: this.matching(fields, 'file', fileName, 'the name of a file next to the manifest'),
      sha256: this.matching(fields, 'sha256', sha256, '64 hexadecimal digits'),
    };
  }

  mask(value: unknown): DropoutMask {
    const fields = this.fields(value, 'dropout');
    const shape = this.numbers(fields, 'shape');
    if (shape.length !== 4 || !shape.every((n) => Number.isInteger(n) && n > 0 && n <= 4096))
      throw this.wrong('shape', 'four whole numbers above 0', shape);
    const keepProbability = this.positive(fields, 'keepProbability');
    if (keepProbability > 1) throw this.wrong('keepProbability', 'at most 1', keepProbability);
    return { input: this.text(fields, 'input'), shape, keepProbability };
  }
}
