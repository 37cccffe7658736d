/**
 * `<outfile stem>.json`: everything needed to know what a run did and to repeat it.
 */
import { extname } from 'node:path';
import type { FileRead } from '../files/read-files.ts';
import type { FscCurve, LocScaleNumbers } from '../index.ts';
import { runtimeName } from '../platform/index.ts';
import type { SoftRecord } from '../report/findings.ts';

/** A file that a run has read. */
export interface InputFile extends FileRead {
  /** What it was read as: "half map 1". */
  readonly role: string;
}

/** The network that predicted the reference, and the work it did. */
export interface NetworkRecord {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  readonly sourceSha256: string;
  readonly licence: string;
  /** With the device, in words. */
  readonly ranOn: string;
  readonly cubeEdge: number;
  readonly stride: number;
  readonly cubes: number;
  readonly passes: number;
  readonly seed?: number;
}

/** The atoms that the reference was simulated from. */
export interface ModelRecord {
  readonly atoms: number;
  readonly pseudoAtoms: number;
  /** As simulated, A^2. */
  readonly bFactors: { readonly min: number; readonly mean: number; readonly max: number };
  /** A; where the reference was cut off. */
  readonly referenceEnd?: number;
}

export interface Manifest {
  readonly program: 'locscale-gpu';
  readonly version: string;
  readonly runtime: string;
  readonly command: readonly string[];
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly mode: string;
  readonly engine: string;
  readonly network?: NetworkRecord;
  readonly model?: ModelRecord;
  readonly inputs: readonly InputFile[];
  /** All parameters in use, defaults included. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Voxel size, shape, window, mask voxels, cut-offs (angstrom) and noise. */
  readonly numbers: Readonly<Partial<LocScaleNumbers>>;
  /** Half-map FSC: frequency in 1/angstrom. */
  readonly fsc?: FscCurve;
  /** Soft scaling: its bands, and where the result was faded, A. */
  readonly soft?: SoftRecord;
  readonly secondsPerStep: Readonly<Record<string, number>>;
  readonly outputs: readonly string[];
  readonly warnings: readonly string[];
}

export type ManifestFields = Omit<Manifest, 'program' | 'runtime'>;

export function manifestOf(fields: ManifestFields): Manifest {
  return { program: 'locscale-gpu', runtime: runtimeName(), ...fields };
}

export function encodeManifest(fields: ManifestFields): string {
  return `${JSON.stringify(manifestOf(fields), null, 2)}\n`;
}

/** "out/map.mrc" -> "out/map" */
export function stemOf(path: string): string {
  const extension = extname(path);
  return extension === '' ? path : path.slice(0, -extension.length);
}
