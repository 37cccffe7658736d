/** `locscale-gpu models`: list, import, download and check networks. */
import { resolve } from 'node:path';
import { LocScaleError } from '../errors.ts';
import { formatBytes } from '../math/bytes.ts';
import type { Calibration } from '../network/graph/model.ts';
import {
  BUNDLED_NAME,
  checkCalibration,
  downloadArchive,
  HIGH_CONTEXT,
  type ImportedNetwork,
  type ImportOptions,
  importNetwork,
  type ListedNetwork,
  LOW_CONTEXT,
  listNetworks,
  loadStoredNetwork,
  openBundled,
  readJson,
  type StoredNetwork,
  verifyNetwork,
} from '../network/store/index.ts';
import type { OptionValues } from '../options/index.ts';
import { refusePositionals } from './job-options.ts';
import { modelsFolder } from './models-folder.ts';
import type { Session } from './session.ts';
import { usage } from './usage.ts';

/** Words after `models`; the first is the default. */
const actions = ['list', 'import', 'download', 'verify', 'path'] as const;
type Action = (typeof actions)[number];

/** The first word after `models` selects one of these. */
const runners: Record<Action, (session: Session, args: readonly string[]) => Promise<void>> = {
  list,
  import: importFiles,
  download,
  verify,
  path,
};

/** Options of some actions only. */
const optionsOf: Partial<Record<keyof OptionValues, readonly Action[]>> = {
  modelName: ['import'],
  calibration: ['import', 'download'],
  downloadFrom: ['download'],
  json: ['list'],
};

/** `models` alone lists. Options of other actions are errors, so that none is ignored silently. */
export async function runModels(session: Session): Promise<void> {
  const [word = 'list', ...args] = session.parsed.positionals;
  const action = actions.find((name) => name === word);
  if (action === undefined)
    throw usage(`There is no "models ${word}".`, word, `Write one of: ${actions.join(', ')}.`);
  for (const id of session.parsed.given) {
    const owners = optionsOf[id];
    if (owners !== undefined && !owners.includes(action))
      throw usage(
        `An option was given that "models ${action}" does not have.`,
        id,
        'Run "locscale-gpu models --help" for what belongs together.',
      );
  }
  await runners[action](session, args);
}

/** Names, origin and size of all networks; damaged ones with their defect. */
async function list(session: Session, args: readonly string[]): Promise<void> {
  refuseArguments(args, 0);
  // A damaged network is listed with its defect instead of ending the command, so that it can be found.
  const { logger, parsed } = session;
  const folder = modelsFolder();
  const listed = await withBundled(await listNetworks(folder));
  if (parsed.values.json === true) {
    const models = listed.map((entry) =>
      'model' in entry
        ? { name: entry.name, location: entry.model.location, manifest: entry.model.manifest }
        : entry,
    );
    logger.line(JSON.stringify({ folder, models }, null, 2));
    return;
  }
  for (const entry of listed) {
    logger.line(entry.name);
    if ('problem' in entry) logger.line(`   cannot be used: ${entry.problem}`);
    else for (const line of describe(entry.model)) logger.line(`   ${line}`);
  }
  if (!listed.some(({ name }) => name === HIGH_CONTEXT || name === LOW_CONTEXT))
    logger.line('EMmerNet is not imported: "locscale-gpu models download" fetches it.');
  logger.line(`Folder: ${folder}`);
}

/** The bundled network first, if there is one. */
async function withBundled(imported: ListedNetwork[]): Promise<ListedNetwork[]> {
  try {
    return [{ name: BUNDLED_NAME, model: await openBundled() }, ...imported];
  } catch {
    // An installation without the bundled network; a run that needs it reports that.
    return imported;
  }
}

/** Title, size, source, licence, and whether Monte-Carlo passes are possible. */
function describe({ manifest }: StoredNetwork): string[] {
  const { title, source, licence, parameters, cubeEdge, gflopPerCube, dropout, calibration } = manifest;
  const size =
    `${(parameters / 1e6).toFixed(1)} M parameters (${formatBytes(4 * parameters)}), ` +
    `${gflopPerCube.toFixed(1)} GFLOP per cube of ${cubeEdge}`;
  const monteCarlo = dropout.length === 0 ? 'no Monte-Carlo dropout' : 'Monte-Carlo dropout';
  return [
    `${title}: ${size}`,
    `Source: ${source}`,
    `Licence: ${licence}`,
    `${monteCarlo}, ${calibration === undefined ? 'no calibration' : 'calibrated'}`,
  ];
}

/** Imports every network of one file or archive. */
async function importFiles(session: Session, args: readonly string[]): Promise<void> {
  const { values } = session.parsed;
  const [file] = args;
  if (file === undefined)
    throw usage('"models import" needs a file.', 'import', 'Write locscale-gpu models import FILE.');
  refuseArguments(args, 1);
  const { modelName } = values;
  const imported = await importNetwork(file, {
    ...(await importOptions(session)),
    name: modelName,
  });
  report(session, imported);
}

/** Store, abort signal, and the calibration of standard errors, if given. */
async function importOptions({ parsed, signal }: Session): Promise<ImportOptions> {
  const path = parsed.values.calibration;
  const calibration: Calibration | undefined =
    path === undefined ? undefined : checkCalibration(await readJson(path), path);
  return { folder: modelsFolder(), signal, calibration };
}

/** Prints what was imported, with its checksum and how to select it. */
function report({ logger }: Session, imported: readonly ImportedNetwork[]): void {
  for (const { manifest, location, unchanged } of imported) {
    logger.line(`${manifest.title}: ${manifest.parameters} parameters, from ${manifest.source}`);
    logger.line(`   SHA-256 ${manifest.sourceSha256}`);
    logger.line(`   ${unchanged ? 'Was already imported' : 'Imported'}: ${resolve(location)}`);
    if (manifest.name !== HIGH_CONTEXT)
      logger.line(
        '   Used with ' +
          `${manifest.name === LOW_CONTEXT ? '--use_low_context_model' : `-model_path ${manifest.name}`}.`,
      );
    else logger.line('   Used by default from now on.');
  }
}

/** Downloads EMmerNet's archive, imports it and removes it. */
async function download(session: Session, args: readonly string[]): Promise<void> {
  refuseArguments(args, 0);
  const { logger, progress, signal, parsed } = session;
  const { downloadFrom } = parsed.values;
  // Read before the download, so that an unreadable calibration fails early.
  const options = await importOptions(session);
  logger.line('Downloading EMmerNet (Zenodo record 8211668).');
  const archive = await downloadArchive({
    folder: options.folder,
    signal,
    address: downloadFrom,
    onProgress: (done, total) => progress.update('download', done, total),
    onNote: (message) => logger.note(message),
  });
  progress.clear();
  logger.line(`Downloaded ${formatBytes(archive.bytes)}, ${archive.checksum} as the record states.`);
  const licence =
    archive.licence === undefined ? {} : { licence: `${archive.licence} (Zenodo record 8211668)` };
  report(session, await importNetwork(archive.path, { ...options, ...licence }));
  await archive.remove();
}

/** For `feature_enhance --download`: downloads EMmerNet unless it is imported. */
export async function downloadUnlessImported(session: Session): Promise<void> {
  const { lowContextModel } = session.parsed.values;
  const wanted = lowContextModel === true ? LOW_CONTEXT : HIGH_CONTEXT;
  const listed = await listNetworks(modelsFolder());
  if (listed.some((entry) => entry.name === wanted && 'model' in entry))
    session.logger.line(`${wanted} is imported already: nothing is downloaded.`);
  else await download(session, []);
}

/**
 * Compares all files of the networks, or of the one named, with the checksums of their manifests; exit code 3
 * if any differs, after all have been compared.
 */
async function verify(session: Session, args: readonly string[]): Promise<void> {
  refuseArguments(args, 1);
  const folder = modelsFolder();
  const [name] = args;
  const entries: ListedNetwork[] =
    name === undefined
      ? await withBundled(await listNetworks(folder))
      : [{ name, model: await loadStoredNetwork(name, folder) }];
  if (entries.length === 0) session.logger.line('There are no models.');
  let damaged = 0;
  for (const entry of entries) {
    const problem = 'problem' in entry ? entry.problem : await verifyNetwork(entry.model);
    if (problem !== undefined) damaged++;
    session.logger.line(`${entry.name}: ${problem ?? 'all files are as they were imported'}`);
  }
  if (damaged > 0)
    throw new LocScaleError('bad-input', `${damaged} of ${entries.length} models cannot be used.`, {
      where: folder,
      hint: 'Import them again with "locscale-gpu models import FILE".',
    });
}

/** For scripts: prints the folder and nothing else. */
async function path(session: Session, args: readonly string[]): Promise<void> {
  refuseArguments(args, 0);
  session.logger.line(modelsFolder());
}

/** Surplus words are errors, with a pointer to the help. */
function refuseArguments(args: readonly string[], most: number): void {
  refusePositionals(args, most, 'Run "locscale-gpu models --help" for what can be written.');
}
