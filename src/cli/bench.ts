/**
 * `locscale-gpu bench`: every GPU and the CPU on the same generated maps. The CPU engine comes first: what it
 * computes is what the GPUs' results are compared with.
 */
import process from 'node:process';
import { makeInputs } from '../bench/inputs.ts';
import { describeMachine } from '../bench/machine.ts';
import { type Measured, type MeasureSettings, measureEngine, whyNot } from '../bench/measure.ts';
import { type BenchRecord, type DeviceRecord, parseRecord, type StageRecord } from '../bench/record.ts';
import { benchLines } from '../bench/table.ts';
import type { Engine } from '../engine/engine.ts';
import { isLocScaleError, LocScaleError, stopIfAborted } from '../errors.ts';
import { checkOutputs } from '../files/check-outputs.ts';
import { readInput } from '../files/read-files.ts';
import { StagedFiles } from '../files/staged-files.ts';
import { adapterName, type GpuAdapterEntry, listAdapters, pickAdapters } from '../gpu/adapters.ts';
import { coreCount, loadGpu } from '../platform/index.ts';
import { selectEngine } from '../select-engine.ts';
import { type CommandBench, openCommandBench } from './bench-command.ts';
import { networkStages } from './bench-network.ts';
import { refusePositionals } from './job-options.ts';
import { type Session, threadsOf, vulkanLoaderFromEnvironment } from './session.ts';
import { packageVersion } from './version.ts';

/** Voxels per edge, by the slowest that is measured. */
const EDGES = {
  hardware: { full: 256, quick: 128 },
  cpu: { full: 256, quick: 96 },
  software: { full: 96, quick: 32 },
} as const;
/** Seconds for each measurement, about; `timeBatches` repeats an operation until they have passed. */
const SECONDS = { full: 3, quick: 0.4 } as const;
// Bytes of the memory-copy measurement, far above the caches.
const COPY_BYTES = { full: 2 ** 30, quick: 2 ** 27 } as const;
/** A driver that computes on the CPU copies in the CPU's memory. */
const HOST_COPY_BYTES = 2 ** 26;

/** Measures all devices, prints the table, and fails at the end if any result was wrong. */
export async function runBench(session: Session): Promise<void> {
  const { parsed, logger } = session;
  const { values, positionals } = parsed;
  refusePositionals(positionals, 0);
  const { compare, outfile } = values;
  const other = compare === undefined ? undefined : parseRecord(`${await readInput(compare)}`, compare);
  if (outfile !== undefined)
    await checkOutputs([outfile], compare === undefined ? [] : [compare], () => '-o');
  await session.libraries.hold();
  const { gpus, leftOut } = await findGpus(session);
  const edge = values.size ?? other?.edge ?? edgeFor(gpus, values.quick === true);
  const record = await measure(session, gpus, edge, leftOut);
  logger.line('');
  const { maskVoxels, windowVoxels } = record;
  logger.line(`Box of ${edge}^3 voxels, ${maskVoxels} of them in the mask, windows of ${windowVoxels}^3`);
  const lines = benchLines(record, other && { record: other, mark: compare as string });
  for (const line of lines) logger.line(line);
  if (other !== undefined && other.edge !== edge)
    logger.note(`${compare} was measured in a box of ${other.edge}^3: its times are not those of this box.`);
  if (outfile !== undefined) {
    await write(outfile, record);
    logger.line(`Wrote ${outfile}`);
  }
  const failed = record.devices.find(({ failure }) => failure !== undefined);
  if (failed !== undefined) throw failureOf(failed);
}

/** Those that are to be measured, and why others are not. */
async function findGpus(session: Session): Promise<{ gpus: GpuAdapterEntry[]; leftOut: string[] }> {
  const { gpuIds, allowSoftwareGpu } = session.parsed.values;
  const entry = await loadGpu(vulkanLoaderFromEnvironment());
  if ('reason' in entry) {
    if (gpuIds === undefined) return { gpus: [], leftOut: [`GPUs: ${entry.reason}`] };
    throw new LocScaleError('no-device', `No GPU can be used: ${entry.reason}.`, { hint: entry.hint });
  }
  const { adapters } = await listAdapters(entry);
  const picked = gpuIds === undefined ? adapters : pickAdapters(adapters, gpuIds);
  const gpus = picked.filter(({ kind }) => kind === 'hardware' || allowSoftwareGpu === true);
  const leftOut = picked
    .filter((adapter) => !gpus.includes(adapter))
    .map((adapter) => `${adapterName(adapter)}: a software GPU, measured with --allow_software_gpu only`);
  return { gpus, leftOut: adapters.length === 0 ? ['GPUs: none was found'] : leftOut };
}

/** Box size by the slowest device, so that all devices do the same work in tolerable time. */
function edgeFor(gpus: readonly GpuAdapterEntry[], quick: boolean): number {
  const slowest =
    gpus.length === 0 ? 'cpu' : gpus.some(({ kind }) => kind === 'software') ? 'software' : 'hardware';
  return EDGES[slowest][quick ? 'quick' : 'full'];
}

/**
 * Runs all measurements and assembles the record. The order matters: the CPU engine makes the maps that all
 * devices get, and its results are what theirs are compared with. `leftOut` receives the reasons for what is
 * not measured.
 */
async function measure(
  session: Session,
  gpus: readonly GpuAdapterEntry[],
  edge: number,
  leftOut: string[],
): Promise<BenchRecord> {
  const { logger, signal } = session;
  const quick = session.parsed.values.quick === true;
  const length = quick ? 'quick' : 'full';
  const threads = threadsOf(session) ?? coreCount();
  const devices: DeviceRecord[] = [];
  logger.line(`Generating maps of ${edge}^3 voxels`);
  const { engine: cpu } = await selectEngine({ engine: 'cpu', threads });
  let command: CommandBench | undefined;
  try {
    const inputs = await makeInputs(cpu, edge);
    command = await openCommandBench(session, inputs, quick);
    const settings = (name: string, copyBytes: number): MeasureSettings => ({
      inputs,
      seconds: SECONDS[length],
      copyBytes,
      signal,
      onStage: (title) => logger.line(`${name}: ${title}`),
    });
    const name = `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    // The CPU engine measures first, without `expected`.
    const onCpu = await measureEngine(cpu, settings(name, HOST_COPY_BYTES));
    const network = await networkStages(session, { threads, gpus, inputs, seconds: SECONDS[length] });
    leftOut.push(...network.leftOut);
    devices.push(
      await finish({ kind: 'cpu', name }, onCpu, network.cpu, () =>
        (command as CommandBench).run(['--engine', 'cpu', '-np', String(threads)]),
      ),
    );
    // One GPU after the other: two at once would share bus and host cores.
    for (const gpu of gpus) {
      const bytes = gpu.kind === 'software' ? HOST_COPY_BYTES : COPY_BYTES[length];
      const measured = await measureGpu(session, gpu, {
        ...settings(adapterName(gpu), bytes),
        expected: onCpu.results,
      });
      const { index, kind, description: driver, vendor, architecture } = gpu;
      const chip = [vendor, architecture].filter((text) => text !== '').join(' ');
      const ownNetwork = index === network.gpuIndex ? network.gpu : undefined;
      devices.push(
        await finish({ kind, name: adapterName(gpu), index, driver, chip }, measured, ownNetwork, () =>
          (command as CommandBench).run([
            '--engine',
            'gpu',
            '--gpu_ids',
            String(index),
            ...(kind === 'software' ? ['--allow_software_gpu'] : []),
          ]),
        ),
      );
    }
    return {
      schema: 1,
      program: 'locscale-gpu',
      version: packageVersion(),
      date: new Date().toISOString(),
      machine: { ...describeMachine(), system: `${process.platform} ${process.arch}` },
      edge,
      maskVoxels: inputs.maskVoxels,
      windowVoxels: inputs.windowVoxels,
      quick,
      devices,
      leftOut,
    };
  } finally {
    await command?.close();
    await cpu.dispose();
  }
}

/**
 * Opens one GPU, measures it and closes it. A GPU that fails is a line of the table, not the end of the
 * command; only an abort throws.
 */
async function measureGpu(
  session: Session,
  { index }: GpuAdapterEntry,
  settings: MeasureSettings,
): Promise<Measured> {
  const { allowSoftwareGpu } = session.parsed.values;
  let engine: Engine | undefined;
  try {
    ({ engine } = await selectEngine({
      engine: 'gpu',
      gpuIds: [String(index)],
      allowSoftwareGpu,
      ...vulkanLoaderFromEnvironment(),
    }));
    return await measureEngine(engine, settings);
  } catch (error) {
    stopIfAborted(session.signal, error);
    return {
      stages: [],
      results: new Map(),
      failure: whyNot(error),
    };
  } finally {
    await engine?.dispose();
  }
}

/**
 * Adds the network and the whole command to the stages of a device. Both are skipped where a kernel was
 * wrong: a time of wrong results means nothing.
 */
async function finish(
  device: Omit<DeviceRecord, 'stages'>,
  { copy, stages, failure }: Measured,
  network: StageRecord | undefined,
  command: () => Promise<StageRecord>,
): Promise<DeviceRecord> {
  if (failure !== undefined) return { ...device, copy, stages, failure };
  const all = network === undefined ? stages : [...stages, network];
  try {
    return { ...device, copy, stages: [...all, await command()] };
  } catch (error) {
    if (isLocScaleError(error) && error.tag === 'aborted') throw error;
    return { ...device, copy, stages: all, failure: whyNot(error) };
  }
}

/** A wrong result is an error with exit code 4, after the table has been printed. */
function failureOf({ kind, name, failure }: DeviceRecord): LocScaleError {
  if (kind === 'cpu')
    return new LocScaleError('internal', `The CPU engine was not measured to the end: ${failure}`, {
      hint: 'This is a fault of locscale-gpu: please report it.',
    });
  return new LocScaleError('no-device', `${name} was not measured to the end: ${failure}`, {
    hint: 'Update its driver; until then compute with --engine cpu.',
  });
}

/** Writes the record under a temporary name, which is renamed once it is complete. */
async function write(path: string, record: BenchRecord): Promise<void> {
  const staged = new StagedFiles('-o');
  try {
    await staged.stage(path, `${JSON.stringify(record, null, 1)}\n`);
    await staged.commit();
  } finally {
    staged.discard();
  }
}
