/**
 * Chooses the network of a run: the one named by the user, else EMmerNet if imported, else the bundled
 * network.
 */
import { stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocScaleError, named } from '../../errors.ts';
import { isNetworkName } from './check-manifest.ts';
import { HIGH_CONTEXT, LOW_CONTEXT } from './emmernet.ts';
import { pickNetwork } from './read-networks.ts';
import { readModels } from './read-weights.ts';
import { BUNDLED_NAME, listNetworks, openManifest, openNetworkFolder, type StoredNetwork } from './store.ts';

/** Which network is wanted, in the words of the command line. */
export interface NetworkRequest {
  /** -model_path: a name in the store, "bundled", a network's folder, or a file. */
  readonly modelPath?: string;
  /** --use_low_context_model */
  readonly lowContext?: boolean;
  /** The store. */
  readonly folder: string;
  /** Folder of the bundled network. */
  readonly bundledFolder?: string;
  readonly signal?: AbortSignal;
}

const BUNDLED_MANIFEST = 'reference-network.json';
const defaultBundledFolder = fileURLToPath(new URL('../bundled/', import.meta.url));

/**
 * Opens what is requested: by name, folder or file; else EMmerNet if it is imported, else the bundled
 * network.
 */
export async function chooseStoredNetwork(request: NetworkRequest): Promise<StoredNetwork> {
  const { modelPath, lowContext = false, folder, bundledFolder } = request;
  if (modelPath !== undefined) return loadStoredNetwork(modelPath, folder, request);
  const name = lowContext ? LOW_CONTEXT : HIGH_CONTEXT;
  const location = join(folder, name);
  // A damaged network is an error, not a reason to silently use another.
  if (await exists(location)) return openNetworkFolder(location);
  if (lowContext)
    throw new LocScaleError('bad-input', 'EMmerNet for low-context data is not imported.', {
      parameter: 'lowContext',
      expected: location,
      hint:
        'Run "locscale-gpu models download", or "locscale-gpu models import emmernet.tar.gz" with a file ' +
        'that you have.',
    });
  return openBundled(bundledFolder);
}

/** The bundled network. */
export async function openBundled(folder = defaultBundledFolder): Promise<StoredNetwork> {
  const manifest = join(folder, BUNDLED_MANIFEST);
  if (!(await exists(manifest)))
    throw new LocScaleError('bad-input', 'No network is imported, and this installation comes without one.', {
      where: folder,
      expected: BUNDLED_MANIFEST,
      hint:
        'Run "locscale-gpu models download", ' +
        `or give a reference with ${named('reference', 'model-map')}.`,
    });
  return openManifest(manifest, folder);
}

/**
 * Opens a network by its name in the store ("bundled" for the bundled one), its folder or its file: .onnx
 * with a manifest next to it, or .hdf5, .pt or .tar.gz, which are imported into memory.
 */
export async function loadStoredNetwork(
  nameOrPath: string,
  folder: string,
  options: Pick<NetworkRequest, 'bundledFolder' | 'lowContext' | 'signal'> = {},
): Promise<StoredNetwork> {
  const isName = !nameOrPath.includes('/') && !nameOrPath.includes(sep) && isNetworkName(nameOrPath);
  if (isName && (await exists(join(folder, nameOrPath)))) return openNetworkFolder(join(folder, nameOrPath));
  const info = await stat(nameOrPath).catch(() => undefined);
  if (info?.isDirectory()) return openNetworkFolder(nameOrPath);
  if (info !== undefined) {
    return /\.onnx$/i.test(nameOrPath)
      ? openOnnx(nameOrPath)
      : readIntoMemory(nameOrPath, options.lowContext ?? false, options.signal);
  }
  if (nameOrPath === BUNDLED_NAME) return openBundled(options.bundledFolder);
  const names = (await listNetworks(folder)).map(({ name }) => name);
  throw new LocScaleError(
    'bad-input',
    `There is no network ${nameOrPath}, neither a file nor an imported one.`,
    {
      parameter: 'modelPath',
      expected: `a file, or one of: ${[...names, BUNDLED_NAME].join(', ')}`,
      found: nameOrPath,
      hint: '"locscale-gpu models list" shows what is imported, "locscale-gpu models import FILE" imports.',
    },
  );
}

/** An ONNX file needs a manifest: NAME.json, or manifest.json next to it. */
async function openOnnx(path: string): Promise<StoredNetwork> {
  const folder = dirname(path);
  for (const manifest of [path.replace(/\.onnx$/i, '.json'), join(folder, 'manifest.json')]) {
    if (!(await exists(manifest))) continue;
    const model = await openManifest(manifest, folder);
    if (model.manifest.files.plain.file === basename(path)) return model;
  }
  throw new LocScaleError('bad-input', `${path} has no manifest next to it.`, {
    where: path,
    expected: `${basename(path).replace(/\.onnx$/i, '.json')} or manifest.json that names it as files.plain`,
    hint: 'The manifest describes the input of the network; every network of this program comes with one.',
  });
}

/** A file of weights, imported for this run only. */
async function readIntoMemory(
  path: string,
  lowContext: boolean,
  signal: AbortSignal | undefined,
): Promise<StoredNetwork> {
  const { manifest, plain } = await pickNetwork(readModels(path, { signal }), path, lowContext);
  return { manifest, location: path, readPlain: async () => plain };
}

/** A file or a folder. */
async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
