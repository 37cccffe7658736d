/** `locscale-gpu validate FILE ...`: every deviation from the MRC2014 format, one line each. */
import { createReadStream } from 'node:fs';
import { LocScaleError } from '../errors.ts';
import { sizeOfInput } from '../files/read-files.ts';
import { decompress } from '../formats/compression.ts';
import { validateMrc } from '../formats/mrc-validate.ts';
import type { Session } from './session.ts';
import { usage } from './usage.ts';

/**
 * Prints every deviation of every file. Throws 'bad-input' (exit code 3) at the end if any file has an error;
 * warnings and notes do not count.
 */
export async function runValidate(session: Session): Promise<void> {
  const { positionals } = session.parsed;
  if (positionals.length === 0) {
    throw usage('The command validate needs a file.', 'validate', 'Write locscale-gpu validate FILE ...');
  }
  let invalid = 0;
  for (const path of positionals) {
    const byteLength = await sizeOfInput(path);
    const source = await decompress({ bytes: createReadStream(path), byteLength }, path);
    const { deviations, summary } = await validateMrc(source);
    if (!summary.valid) invalid++;
    const { header, statistics } = summary;
    session.logger.line(
      `${path}: ${count(summary.errors, 'error')}, ${count(summary.warnings, 'warning')}, ` +
        `${count(summary.notes, 'note')}`,
    );
    for (const { severity, field, message } of deviations)
      session.logger.line(`  ${severity}: ${field}: ${message}`);
    // With -v: what the file contains, by its header and by its voxels.
    if (header !== undefined)
      session.logger.detail(
        `  ${header.nc} x ${header.nr} x ${header.ns} voxels, mode ${header.mode}, axes ` +
          `${header.mapc}, ${header.mapr}, ${header.maps}`,
      );
    if (statistics !== undefined)
      session.logger.detail(
        `  min ${statistics.min}, max ${statistics.max}, mean ${statistics.mean}, rms ${statistics.rms}`,
      );
  }
  if (invalid > 0) {
    const which =
      positionals.length === 1
        ? `${positionals[0]} breaks`
        : `${invalid} of ${positionals.length} files break`;
    throw new LocScaleError('bad-input', `${which} the MRC2014 format.`, {
      hint: 'The errors are listed above.',
    });
  }
}

/** "1 error", "3 errors". */
function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
